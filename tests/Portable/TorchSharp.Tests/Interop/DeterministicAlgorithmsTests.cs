using TorchSharp.Interop;

namespace TorchSharp.Tests.Interop;

[Collection(nameof(Torch.SettingsTests))]   // other tests would be held to it too
public class DeterministicAlgorithmsTests
{
    [Fact]
    public void Enable_On_HoldsUntilOff()
    {
        Assert.False(DeterministicAlgorithms.IsEnabled());
        DeterministicAlgorithms.Enable(true);
        try
        {
            Assert.True(DeterministicAlgorithms.IsEnabled());
        }
        finally
        {
            DeterministicAlgorithms.Enable(false);
        }
        Assert.False(DeterministicAlgorithms.IsEnabled());
    }
}

using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Interop;

[Collection(nameof(Torch.SettingsTests))]   // other threads would be observed too
public sealed class OperatorTimesTests
{
    [Fact]
    public void Stop_OperatorsThatCallOthers_CountsEachAndPartsTheirTimes()
    {
        using Tensor a = ones(5, 7), b = ones(5, 7);
        using Tensor w = ones([7, 11], requires_grad: true);
        OperatorTimes.Start();
        for (int i = 0; i < 3; i++) a.ldexp(b).Dispose();
        using (Tensor loss = a.mm(w).sum()) loss.backward();
        Dictionary<string, (string Name, long Calls, long Nanoseconds, long OwnNanoseconds)> times = OperatorTimes.Stop().ToDictionary(time => time.Name);
        a.mm(w).Dispose();

        Assert.Equal(3, times["aten::ldexp"].Calls);
        Assert.True(times["aten::ldexp"].OwnNanoseconds < times["aten::ldexp"].Nanoseconds);
        Assert.All(times.Values, time => Assert.InRange(time.OwnNanoseconds, 0, time.Nanoseconds));
        Assert.Equal(2, times["aten::mm"].Calls);   // forward, and the weight's gradient
        Assert.Equal(1, times["MmBackward0"].Calls);
        Assert.True(times["MmBackward0"].Nanoseconds >= times["MmBackward0"].OwnNanoseconds);
    }

    [Fact]
    public void Start_Twice_IsRefused()
    {
        OperatorTimes.Start();
        try
        {
            Assert.Equal("operators are being profiled already", Assert.Throws<InvalidOperationException>(OperatorTimes.Start).Message.Split('\n')[0]);
        }
        finally
        {
            OperatorTimes.Stop();
        }
    }
}

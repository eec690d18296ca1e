using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class LayerScaleTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Constructor_InitialValue_IsEveryGain()
    {
        using var scale = new LayerScale(5, 0.1);

        Assert.Equal(["gain"], scale.named_parameters().Select(p => p.name));
        Assert.All(Doubles(scale.gain), g => Assert.Equal(0.1, g, 1e-8));
    }

    [Fact]
    public void Forward_Rows_ScalesEachChannel_AndHasTheGradientOfDifferences()
    {
        using var scale = new LayerScale(7);
        double[] gains = [0.5, -1, 2, 0, 0.25, 3, -0.125];
        using (IDisposable mode = no_grad()) scale.gain.copy_(tensor(gains));

        Kernels.AssertGradientsAreDifferences(t => scale.forward(t[0]), t => [.. t[0].Select((x, i) => x * gains[i % 7])], [Normal([3, 7], 3)], 8);
    }

    [Fact]
    public void Forward_Gains_HaveTheSumOfTheirChannel()
    {
        using var scale = new LayerScale(7);
        Tensor x = Normal([3, 7], 3);

        scale.forward(x).sum().backward();

        AssertClose(Doubles(x.sum(dim: 0)), Doubles(scale.gain.grad!), 7, 8 * Float32Rounding, "gradient");
    }
}

using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class GatedActivationTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>Those that have a kernel, and one that has none.</summary>
    public static TheoryData<Activation> Functions => [Activation.Silu, Activation.Gelu, Activation.GeluTanh, Activation.SquaredRelu];

    public void Dispose() => _scope.Dispose();

    private static Func<Tensor[], Tensor> Two(Activation activation) => t => GatedActivation.Apply(activation, t[0], t[1]);

    private static Func<Tensor[], Tensor> Halves(Activation activation) => t => GatedActivation.ApplyHalves(activation, t[0]);

    private static Tensor[] Inputs(long rows, long columns) => [Normal([rows, columns], 3, 2), Normal([rows, columns], 5)];

    [Theory]
    [MemberData(nameof(Functions))]
    public void Apply_Float32_IsFloat64sAndItsGradient(Activation activation)
    {
        foreach (var (rows, columns) in new[] { (1, 16), (3, 48), (67, 16), (5, 7) }) Kernels.AssertMatchesFloat64(Two(activation), Inputs(rows, columns), 16);
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void Apply_Float32_HasTheGradientOfDifferences(Activation activation)
    {
        foreach (int columns in new[] { 16, 7 })
            Kernels.AssertGradientsAreDifferences(Two(activation), t => [.. t[0].Zip(t[1], (g, u) => ActivationsTests.Plain(activation, g) * u)], Inputs(3, columns), 32);
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void ApplyHalves_Float32_HasTheGradientOfDifferences(Activation activation)
    {
        foreach (int columns in new[] { 16, 7 })
        {
            Kernels.AssertGradientsAreDifferences(
                Halves(activation),
                t => [.. Enumerable.Range(0, 3 * columns).Select(i => ActivationsTests.Plain(activation, t[0][i / columns * 2 * columns + i % columns]) * t[0][(i / columns * 2 + 1) * columns + i % columns])],
                [Normal([3, 2 * columns], 3, 2)], 32);
        }
    }

    [Theory]
    [MemberData(nameof(Functions))]
    public void ApplyHalves_BothForms_AreTheSame(Activation activation)
    {
        Tensor[] inputs = Inputs(67, 48);

        Assert.Equal(Bytes(Two(activation)(inputs)), Bytes(Halves(activation)([cat(inputs, 1)])));
    }

    [Theory]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Gelu)]
    public void Apply_BFloat16_IsFloat32Rounded(Activation activation)
    {
        Kernels.AssertBFloat16IsRoundedFloat32(Two(activation), Inputs(67, 32));
        Kernels.AssertBFloat16IsRoundedFloat32(Halves(activation), [Normal([67, 32], 3, 2)]);
    }

    [Fact]
    public void Apply_ThreeAxes_KeepsThem() => Assert.Equal([3, 5, 16], GatedActivation.ApplyHalves(Activation.Silu, Normal([3, 5, 32], 3)).shape);

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits() => Kernels.AssertSameOnAnyNumberOfThreads(Two(Activation.Silu), Inputs(331, 48));

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor()
    {
        Kernels.AssertLeavesNoTensor(Two(Activation.Silu), Inputs(67, 32));
        Kernels.AssertLeavesNoTensor(Halves(Activation.Gelu), [Normal([67, 32], 3)]);
    }

    [Theory]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Gelu)]
    public void Apply_NotFinite_StaysSo(Activation activation)
    {
        Tensor x = tensor(new[] { float.NaN, float.PositiveInfinity, 1e30f, -1e30f, -20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, [1, 16]).requires_grad_();

        Tensor y = GatedActivation.Apply(activation, x, ones([1, 16]));
        y.sum().backward();
        double[] values = Doubles(y), slopes = Doubles(x.grad!);

        Assert.True(double.IsNaN(values[0]) && double.IsNaN(slopes[0]));
        Assert.Equal(double.PositiveInfinity, values[1]);
        Assert.Equal(1e30, values[2], 1e24);
        Assert.Equal(0, values[3], 1e-7);
        Assert.Equal(0, values[4], 1e-7);
        Assert.Equal([1, 1, 0], [slopes[1], slopes[2], Math.Round(slopes[3], 6)]);
    }

    [Fact]
    public void Apply_OtherShapes_Throws()
    {
        var shapes = Assert.Throws<ArgumentException>(() => GatedActivation.Apply(Activation.Silu, zeros([3, 7]), zeros([3, 5])));
        var odd = Assert.Throws<ArgumentException>(() => GatedActivation.ApplyHalves(Activation.Silu, zeros([3, 7])));

        Assert.Equal("gate (3, 7) and up (3, 5) must have one shape. (Parameter 'up')", shapes.Message);
        Assert.Equal("The last axis of both (3, 7) must be even. (Parameter 'both')", odd.Message);
    }
}

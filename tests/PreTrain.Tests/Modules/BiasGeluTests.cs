using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class BiasGeluTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Apply(Tensor[] t) => BiasGelu.Apply(t[0], t[1]);

    private static Tensor[] Inputs(long rows, long columns) => [Normal([rows, columns], 3, 2), Normal([columns], 5)];

    private static double[] Plain(double[][] t)
    {
        var (x, b) = (t[0], t[1]);
        return [.. x.Select((v, i) => v + b[i % b.Length]).Select(v => v / 2 * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (v + 0.044715 * v * v * v))))];
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(3, 48)]
    [InlineData(67, 16)]
    [InlineData(131, 32)]
    [InlineData(4421, 16)]
    public void Apply_Float32_IsTheFormulaAndItsGradient(long rows, long columns)
    {
        Tensor[] inputs = Inputs(rows, columns);

        AssertClose(Plain(Array.ConvertAll(inputs, Doubles)), Doubles(Apply(inputs)), columns, 8 * Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(Apply, inputs, 16);
    }

    [Theory]
    [InlineData(5, 16)]
    [InlineData(3, 7)]   // not a whole number of registers: torch's own operators
    public void Apply_Float32_HasTheGradientOfDifferences(long rows, long columns) =>
        Kernels.AssertGradientsAreDifferences(Apply, Plain, Inputs(rows, columns), 16);

    [Theory]
    [InlineData(1, 16)]
    [InlineData(67, 32)]
    public void Apply_BFloat16_IsFloat32Rounded(long rows, long columns) => Kernels.AssertBFloat16IsRoundedFloat32(Apply, Inputs(rows, columns));

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits() => Kernels.AssertSameOnAnyNumberOfThreads(Apply, Inputs(331, 48));

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor() => Kernels.AssertLeavesNoTensor(Apply, Inputs(67, 32));

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.BFloat16)]
    public void Apply_NotFinite_StaysSo(ScalarType type)
    {
        Tensor x = zeros([1, 16]);
        x[0, 0] = float.NaN;
        x[0, 1] = float.PositiveInfinity;
        x[0, 2] = 1e30f;
        x[0, 3] = -1e30f;
        x[0, 4] = -20f;

        double[] y = Doubles(BiasGelu.Apply(x.to(type), zeros([16]).to(type)));

        Assert.True(double.IsNaN(y[0]));
        Assert.Equal(double.PositiveInfinity, y[1]);
        Assert.Equal(1e30, y[2], 1e28);
        Assert.Equal(0, y[3], 1e-7);
        Assert.Equal(0, y[4], 1e-30);
        Assert.All(y[5..], value => Assert.Equal(0, value));
    }

    [Fact]
    public void Apply_OtherWidth_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => BiasGelu.Apply(zeros([3, 7]), zeros([5])));

        Assert.Equal("The last axis of x (3, 7) must have the bias' length (5). (Parameter 'x')", e.Message);
    }
}

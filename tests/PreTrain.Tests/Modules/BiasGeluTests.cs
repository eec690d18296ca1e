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

    private static Func<Tensor[], Tensor> Apply(bool exact) => t => BiasGelu.Apply(t[0], t[1], exact);

    private static Tensor[] Inputs(long rows, long columns) => [Normal([rows, columns], 3, 2), Normal([columns], 5)];

    private static Func<double[][], double[]> Plain(bool exact) => t => [.. t[0].Select((v, i) => ActivationsTests.Plain(exact ? Activation.Gelu : Activation.GeluTanh, v + t[1][i % t[1].Length]))];

    [Theory]
    [InlineData(1, 16, false)]
    [InlineData(3, 48, false)]
    [InlineData(67, 16, false)]
    [InlineData(131, 32, false)]
    [InlineData(4421, 16, false)]
    [InlineData(1, 16, true)]
    [InlineData(3, 48, true)]
    [InlineData(67, 16, true)]
    [InlineData(131, 32, true)]
    [InlineData(4421, 16, true)]
    public void Apply_Float32_IsTheFormulaAndItsGradient(long rows, long columns, bool exact)
    {
        Tensor[] inputs = Inputs(rows, columns);

        AssertClose(Plain(exact)(Array.ConvertAll(inputs, Doubles)), Doubles(Apply(exact)(inputs)), columns, 8 * Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(Apply(exact), inputs, 16);
    }

    [Fact]
    public void Apply_ExactForm_IsWithinTwoRoundingsEverywhere()
    {
        Kernels.SkipWithoutKernels();
        float[] x = [.. Enumerable.Range(0, 12_000).Select(i => (i - 6000) / 1000f)];
        Tensor leaf = tensor(x, [750, 16]).requires_grad_();

        Tensor y = BiasGelu.Apply(leaf, zeros([16]), exact: true);
        y.sum().backward();

        double[] values = Doubles(y), slopes = Doubles(leaf.grad!);
        for (int i = 0; i < x.Length; i++)
        {
            double distribution = ActivationsTests.NormalDistribution(x[i]), density = Math.Exp(-(double)x[i] * x[i] / 2) / Math.Sqrt(2 * Math.PI);
            Assert.Equal(x[i] * distribution, values[i], 4 * Float32Rounding * Math.Max(1, Math.Abs(x[i])));
            Assert.Equal(distribution + x[i] * density, slopes[i], 8 * Float32Rounding);
        }
    }

    [Theory]
    [InlineData(5, 16, false)]
    [InlineData(3, 7, false)]   // not a whole number of registers: torch's own operators
    [InlineData(5, 16, true)]
    [InlineData(3, 7, true)]
    public void Apply_Float32_HasTheGradientOfDifferences(long rows, long columns, bool exact) =>
        Kernels.AssertGradientsAreDifferences(Apply(exact), Plain(exact), Inputs(rows, columns), 16);

    [Theory]
    [InlineData(1, 16, false)]
    [InlineData(67, 32, false)]
    [InlineData(1, 16, true)]
    [InlineData(67, 32, true)]
    public void Apply_BFloat16_IsFloat32Rounded(long rows, long columns, bool exact) => Kernels.AssertBFloat16IsRoundedFloat32(Apply(exact), Inputs(rows, columns));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_TwoThreads_GivesTheSameBits(bool exact) => Kernels.AssertSameOnAnyNumberOfThreads(Apply(exact), Inputs(331, 48));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Apply_ForwardAndBackward_LeavesNoTensor(bool exact) => Kernels.AssertLeavesNoTensor(Apply(exact), Inputs(67, 32));

    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.BFloat16, false)]
    [InlineData(ScalarType.Float32, true)]
    [InlineData(ScalarType.BFloat16, true)]
    public void Apply_NotFinite_StaysSo(ScalarType type, bool exact)
    {
        Tensor x = zeros([1, 16]);
        x[0, 0] = float.NaN;
        x[0, 1] = float.PositiveInfinity;
        x[0, 2] = 1e30f;
        x[0, 3] = -1e30f;
        x[0, 4] = -20f;

        double[] y = Doubles(BiasGelu.Apply(x.to(type), zeros([16]).to(type), exact));

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

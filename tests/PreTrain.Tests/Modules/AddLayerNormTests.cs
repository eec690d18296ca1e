using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class AddLayerNormTests : IDisposable
{
    private const double Epsilon = 1e-5;

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>Both results, one above the other.</summary>
    private static Tensor Both(Tensor[] t)
    {
        var (sum, normed) = AddLayerNorm.Apply(t[0], t[1], t[2], t[3], t[4], Epsilon);
        return cat([sum, normed], 0);
    }

    private static Tensor[] Inputs(long rows, long columns) =>
        [Normal([rows, columns], 3), Normal([rows, columns], 5), Normal([columns], 7), 1 + Normal([columns], 11, 0.3), Normal([columns], 13)];

    private static double[] Plain(double[][] t)
    {
        int columns = t[2].Length, rows = t[0].Length / columns;
        var result = new double[2 * t[0].Length];
        for (int r = 0; r < rows; r++)
        {
            double mean = 0, variance = 0;
            for (int c = 0; c < columns; c++)
            {
                double s = t[0][r * columns + c] + t[1][r * columns + c] + t[2][c];
                result[r * columns + c] = s;
                mean += s / columns;
            }
            for (int c = 0; c < columns; c++) variance += Math.Pow(result[r * columns + c] - mean, 2) / columns;
            for (int c = 0; c < columns; c++)
                result[(rows + r) * columns + c] = (result[r * columns + c] - mean) / Math.Sqrt(variance + Epsilon) * t[3][c] + t[4][c];
        }
        return result;
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

        AssertClose(Plain(Array.ConvertAll(inputs, Doubles)), Doubles(Both(inputs)), columns, 32 * Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(Both, inputs, 32);
    }

    [Theory]
    [InlineData(3, 16)]
    [InlineData(3, 7)]
    public void Apply_Float32_HasTheGradientOfDifferences(long rows, long columns) =>
        Kernels.AssertGradientsAreDifferences(Both, Plain, Inputs(rows, columns), 32);

    [Theory]
    [InlineData(67, 32)]
    [InlineData(3, 7)]
    public void ApplyNormed_Float32_IsTheNormalizedHalfAndItsGradient(long rows, long columns)
    {
        static Tensor Last(Tensor[] t) => AddLayerNorm.ApplyNormed(t[0], t[1], t[2], t[3], t[4], Epsilon);
        Tensor[] inputs = Inputs(rows, columns);

        Assert.Equal(Doubles(Both(inputs))[(int)(rows * columns)..], Doubles(Last(inputs)));
        Kernels.AssertMatchesFloat64(Last, inputs, 32);
        Kernels.AssertLeavesNoTensor(Last, inputs);
    }

    [Fact]
    public void Apply_OneResultUsed_HasItsGradientAlone()
    {
        Kernels.AssertMatchesFloat64(t => AddLayerNorm.Apply(t[0], t[1], t[2], t[3], t[4], Epsilon).Normed, Inputs(67, 32), 32);
        Tensor[] leaves = Array.ConvertAll(Inputs(3, 16), t => Leaf(t, ScalarType.Float32));

        AddLayerNorm.Apply(leaves[0], leaves[1], leaves[2], leaves[3], leaves[4], Epsilon).Sum.sum().backward();

        Assert.All(Doubles(leaves[0].grad!), g => Assert.Equal(1, g));
        Assert.All(Doubles(leaves[1].grad!), g => Assert.Equal(1, g));
        Assert.All(Doubles(leaves[2].grad!), g => Assert.Equal(3, g));
        // The kernel gives zeros, torch's own operators nothing.
        foreach (Tensor unused in leaves[3..]) Assert.All(unused.grad is { } grad ? Doubles(grad) : [], g => Assert.Equal(0, g));
    }

    [Fact]
    public void Apply_GradientsOfBothInputs_DoNotShareMemory()
    {
        Tensor[] leaves = Array.ConvertAll(Inputs(3, 16), t => Leaf(t, ScalarType.Float32));
        Both(leaves).sum().backward();
        double[] before = Doubles(leaves[1].grad!);

        using (no_grad()) leaves[0].grad!.add_(1);

        Assert.Equal(before, Doubles(leaves[1].grad!));
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(67, 32)]
    public void Apply_BFloat16_IsFloat32Rounded(long rows, long columns) =>
        // The sum is rounded before it is normalized, and the normalized rows after it.
        Kernels.AssertBFloat16IsRoundedFloat32(Both, Inputs(rows, columns), 2 * BFloat16Rounding);

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits() => Kernels.AssertSameOnAnyNumberOfThreads(Both, Inputs(331, 48));

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor() => Kernels.AssertLeavesNoTensor(Both, Inputs(67, 32));

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void Apply_NotFinite_SpoilsItsRowAlone(float value)
    {
        Tensor[] inputs = Inputs(3, 16);
        inputs[1][1, 5] = value;

        var (sum, normed) = AddLayerNorm.Apply(inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], Epsilon);

        Assert.Equal(value, Doubles(sum)[21]);
        Assert.All(Doubles(normed[1]), x => Assert.True(double.IsNaN(x)));
        Assert.All(Doubles(normed[0]).Concat(Doubles(normed[2])), x => Assert.True(double.IsFinite(x)));
    }

    [Theory]
    [InlineData(5, 7)]
    [InlineData(67, 32)]
    public void Norm_AnyRows_IsLayerNormAndItsGradient(int rows, int columns)
    {
        Tensor[] inputs = Inputs(rows, columns);
        double[][] x = Array.ConvertAll(inputs, Doubles);
        (x[1], x[2]) = (new double[rows * columns], new double[columns]);
        Tensor[] used = [inputs[0], inputs[3], inputs[4]];

        AssertClose(Plain(x)[(rows * columns)..], Doubles(AddLayerNorm.Norm(used[0], used[1], used[2], Epsilon)), columns, 32 * Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(t => AddLayerNorm.Norm(t[0], t[1], t[2], Epsilon), used, 32);
    }

    [Fact]
    public void Apply_ShapesThatDoNotFit_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => AddLayerNorm.Apply(zeros([3, 7]), zeros([5, 7]), zeros([7]), zeros([7]), zeros([11]), Epsilon));

        Assert.Equal("residual (3, 7) and update (5, 7) must have one shape (…, C), and bias (7), weight (7) and shift (11) C elements. (Parameter 'residual')", e.Message);
    }
}

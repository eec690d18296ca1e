using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class RotaryTableTests : IDisposable
{
    private const double Base = 100;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static long[] Places(long rows) => [.. Enumerable.Range(0, (int)rows).Select(r => (long)(r * 5 % 23))];

    private static Func<Tensor[], Tensor> Turned(RotaryTable table, long rows) => t => table.Apply(t[0], tensor(Places(rows)), 22);

    private static double[] Plain(double[] x, int width, int head)
    {
        var y = new double[x.Length];
        long[] places = Places(x.Length / width);
        for (int at = 0; at < x.Length; at++)
        {
            int row = at / width, c = at % head, i = c % (head / 2), start = at - c;
            double angle = places[row] * (double)(1 / (float)Math.Pow(Base, 2.0f * i / head));
            double first = x[start + i], second = x[start + head / 2 + i];
            y[at] = c < head / 2 ? first * Math.Cos(angle) - second * Math.Sin(angle) : second * Math.Cos(angle) + first * Math.Sin(angle);
        }
        return y;
    }

    [Theory]
    [InlineData(1, 1, 32)]
    [InlineData(7, 3, 64)]
    [InlineData(67, 2, 96)]
    [InlineData(5, 3, 6)]    // half a head is no whole register: torch's own operators
    [InlineData(5, 3, 16)]
    public void Apply_Float32_IsTheFormulaAndItsGradient(int rows, int heads, int head)
    {
        using var table = new RotaryTable(head, Base);

        // Angles are rounded to 32 bits, as the models were trained: up to 22 of them in radians.
        Kernels.AssertGradientsAreDifferences(Turned(table, rows), t => Plain(t[0], heads * head, head), [Normal([rows, heads * head], 3)], 64);
    }

    [Theory]
    [InlineData(7, 64)]
    [InlineData(67, 32)]
    public void Apply_BFloat16_IsFloat32Rounded(long rows, int head)
    {
        using var table = new RotaryTable(head, Base);

        Kernels.AssertBFloat16IsRoundedFloat32(Turned(table, rows), [Normal([rows, 3 * head], 3)]);
    }

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits()
    {
        using var table = new RotaryTable(32, Base);

        Kernels.AssertSameOnAnyNumberOfThreads(Turned(table, 331), [Normal([331, 96], 3)]);
    }

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor()
    {
        using var table = new RotaryTable(32, Base);

        Kernels.AssertLeavesNoTensor(Turned(table, 67), [Normal([67, 96], 3)]);
    }

    [Fact]
    public void Apply_TableThatGrewMeanwhile_StillHasItsGradient()
    {
        using var table = new RotaryTable(32, Base);
        Tensor x = Normal([3, 32], 3).requires_grad_();
        Tensor y = table.Apply(x, tensor(new long[] { 0, 1, 2 }), 2);
        table.Apply(x, tensor(new long[] { 0, 1, 99 }), 99);

        y.square().sum().backward();

        AssertClose(Doubles(2 * x), Doubles(x.grad!), 32, 16 * Float32Rounding, "gradient");   // turning keeps lengths
    }

    [Fact]
    public void Apply_PositionBeyondTheHighest_Throws()
    {
        Kernels.SkipWithoutKernels();
        using var table = new RotaryTable(32, Base);

        var e = Assert.Throws<ArgumentOutOfRangeException>(() => table.Apply(zeros([2, 32]), tensor(new long[] { 1, 7 }), 4));

        Assert.StartsWith("The position of row 1 (7) is beyond the table's 5.", e.Message, StringComparison.Ordinal);
    }

    /// <summary>A model may be evaluated, or write a sample, before its first step.</summary>
    [Fact]
    public void Apply_TablesOfInferenceMode_ServeAGradient()
    {
        using var table = new RotaryTable(32, Base);
        using (inference_mode()) table.Apply(ones([2, 32]), tensor(new long[] { 0, 1 }), 1);
        Tensor x = ones([2, 32], requires_grad: true);
        table.Apply(x, tensor(new long[] { 0, 1 }), 1).sum().backward();
        Assert.Equal(MathF.Cos(1) - MathF.Sin(1), x.grad![1, 16].item<float>(), 1e-5f);
    }
}

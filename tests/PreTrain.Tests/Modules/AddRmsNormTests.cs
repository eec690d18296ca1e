using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class AddRmsNormTests : IDisposable
{
    private const double Epsilon = 1e-3;
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Tensor Normed(Tensor[] t) => AddRmsNorm.Norm(t[0], t[1], Epsilon);

    /// <summary>Both results side by side, so that both have a gradient.</summary>
    private static Tensor Joined(Tensor[] t)
    {
        var (sum, normed) = AddRmsNorm.Apply(t[0], t[1], t[2], Epsilon);
        return cat([sum, normed], 1);
    }

    private static Tensor[] Inputs(long rows, long columns) => [Normal([rows, columns], 3, 2), Normal([rows, columns], 5), Normal([columns], 7)];

    private static double[] PlainNorm(double[] x, double[] gain)
    {
        int columns = gain.Length;
        return [.. x.Select((v, i) => v / Math.Sqrt(x.Skip(i / columns * columns).Take(columns).Sum(s => s * s) / columns + Epsilon) * gain[i % columns])];
    }

    private static double[] PlainJoined(double[][] t)
    {
        int columns = t[2].Length;
        double[] sum = [.. t[0].Zip(t[1], (x, y) => x + y)], normed = PlainNorm(sum, t[2]);
        return [.. sum.Chunk(columns).Zip(normed.Chunk(columns)).SelectMany(pair => pair.First.Concat(pair.Second))];
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(3, 48)]
    [InlineData(67, 16)]
    [InlineData(131, 32)]
    [InlineData(5, 7)]   // not a whole number of registers: torch's own operators
    public void Apply_Float32_IsFloat64sAndItsGradient(long rows, long columns)
    {
        Tensor[] inputs = Inputs(rows, columns);

        Kernels.AssertMatchesFloat64(Joined, inputs, 32);
        Kernels.AssertMatchesFloat64(Normed, [inputs[0], inputs[2]], 32);
    }

    [Theory]
    [InlineData(5, 16)]
    [InlineData(3, 7)]
    public void Apply_Float32_HasTheGradientOfDifferences(long rows, long columns)
    {
        Tensor[] inputs = Inputs(rows, columns);

        Kernels.AssertGradientsAreDifferences(Joined, PlainJoined, inputs, 32);
        Kernels.AssertGradientsAreDifferences(Normed, t => PlainNorm(t[0], t[1]), [inputs[0], inputs[2]], 32);
    }

    [Fact]
    public void Apply_OnlyOneResultUsed_HasItsGradient()
    {
        foreach (int used in new[] { 0, 1 })
        {
            Tensor Of(Tensor[] t)
            {
                var (sum, normed) = AddRmsNorm.Apply(t[0], t[1], t[2], Epsilon);
                return used == 0 ? sum * t[2] : normed;
            }

            Kernels.AssertMatchesFloat64(Of, Inputs(5, 16), 32);
        }
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(67, 32)]
    public void Apply_BFloat16_IsFloat32Rounded(long rows, long columns)
    {
        Tensor[] inputs = Inputs(rows, columns);
        inputs[1] = zeros([rows, columns]);   // a sum that needs no rounding, so that both norms see the same

        Kernels.AssertBFloat16IsRoundedFloat32(Joined, inputs, 2 * BFloat16Rounding);
        Kernels.AssertBFloat16IsRoundedFloat32(Normed, [inputs[0], inputs[2]]);
    }

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits() => Kernels.AssertSameOnAnyNumberOfThreads(Joined, Inputs(331, 48));

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor()
    {
        Kernels.AssertLeavesNoTensor(Joined, Inputs(67, 32));
        Kernels.AssertLeavesNoTensor(Normed, [Normal([67, 32], 3), Normal([32], 5)]);
    }

    [Fact]
    public void Norm_ThreeAxes_NormalizesTheLast()
    {
        Tensor x = Normal([3, 5, 16], 3), gain = Normal([16], 5);

        Assert.Equal(Bytes(AddRmsNorm.Norm(x.view(15, 16), gain, Epsilon)), Bytes(AddRmsNorm.Norm(x, gain, Epsilon)));
        Assert.Equal([3, 5, 16], AddRmsNorm.Norm(x, gain, Epsilon).shape);
    }

    [Fact]
    public void Norm_NotFinite_StaysSo()
    {
        Tensor x = ones([2, 16]);
        x[0, 3] = float.NaN;

        double[] y = Doubles(AddRmsNorm.Norm(x, ones([16]), 0));

        Assert.All(y[..16], value => Assert.True(double.IsNaN(value)));
        Assert.All(y[16..], value => Assert.Equal(1, value, 1e-6));
    }

    [Fact]
    public void Apply_OtherShapes_Throws()
    {
        var joined = Assert.Throws<ArgumentException>(() => AddRmsNorm.Apply(zeros([3, 7]), zeros([5, 7]), zeros([7]), Epsilon));
        var norm = Assert.Throws<ArgumentException>(() => AddRmsNorm.Norm(zeros([3, 7]), zeros([5]), Epsilon));

        Assert.Equal("residual (3, 7) and update (5, 7) must have one shape (…, C), and weight (7) C elements. (Parameter 'residual')", joined.Message);
        Assert.Equal("The last axis of x (3, 7) must have the gain's length (5). (Parameter 'x')", norm.Message);
    }
}

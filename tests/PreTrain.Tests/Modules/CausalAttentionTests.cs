using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class CausalAttentionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static Func<Tensor[], Tensor> Apply(long batch, int heads) => t => CausalAttention.Apply(t[0], t[1], batch, heads);

    private static Tensor[] Inputs(long batch, long length, int heads, long head, double deviation = 1) =>
        [Normal([batch * length, 3 * heads * head], 3, deviation), Normal([3 * heads * head], 5, deviation / 2)];

    /// <summary>softmax(q·k/√D)·v, one query after another; only those of <paramref name="queries"/> if given.</summary>
    private static double[] Plain(double[] qkv, double[] bias, int batch, int heads, int[]? queries = null)
    {
        int columns = bias.Length, width = columns / 3, head = width / heads, length = qkv.Length / columns / batch;
        queries ??= [.. Enumerable.Range(0, length)];
        var result = new List<double>();
        double At(int b, int t, int part, int h, int d) => qkv[(b * length + t) * columns + part * width + h * head + d] + bias[part * width + h * head + d];
        for (int b = 0; b < batch; b++)
        {
            foreach (int t in queries)
            {
                for (int h = 0; h < heads; h++)
                {
                    var scores = new double[t + 1];
                    for (int s = 0; s <= t; s++)
                    {
                        for (int d = 0; d < head; d++) scores[s] += At(b, t, 0, h, d) * At(b, s, 1, h, d) / Math.Sqrt(head);
                    }
                    double max = scores.Max(), sum = scores.Sum(x => Math.Exp(x - max));
                    for (int d = 0; d < head; d++)
                    {
                        double y = 0;
                        for (int s = 0; s <= t; s++) y += Math.Exp(scores[s] - max) / sum * At(b, s, 2, h, d);
                        result.Add(y);
                    }
                }
            }
        }
        return [.. result];
    }

    [Theory]
    [InlineData(1, 1, 1, 16)]
    [InlineData(5, 1, 3, 16)]
    [InlineData(2, 5, 3, 16)]
    [InlineData(3, 17, 2, 32)]
    [InlineData(2, 67, 3, 16)]
    [InlineData(1, 131, 1, 48)]
    [InlineData(2, 5, 3, 7)]   // a head that is not a whole number of registers: torch's own operators
    public void Apply_Float32_IsTheFormulaAndItsGradient(int batch, int length, int heads, int head)
    {
        Tensor[] inputs = Inputs(batch, length, heads, head);

        Tensor y = Apply(batch, heads)(inputs);

        Assert.Equal([batch * length, heads * head], y.shape);
        AssertClose(Plain(Doubles(inputs[0]), Doubles(inputs[1]), batch, heads), Doubles(y), heads * head, 64 * Float32Rounding, "result");
        Kernels.AssertMatchesFloat64(Apply(batch, heads), inputs, 64);
    }

    [Theory]
    [InlineData(2, 5, 1, 16)]
    [InlineData(2, 3, 2, 5)]
    public void Apply_Float32_HasTheGradientOfDifferences(int batch, int length, int heads, int head) =>
        Kernels.AssertGradientsAreDifferences(Apply(batch, heads), t => Plain(t[0], t[1], batch, heads), Inputs(batch, length, heads, head), 64);

    [Theory]
    [InlineData(5, 1, 3, 16)]
    [InlineData(2, 67, 3, 16)]
    public void Apply_BFloat16_IsFloat32Rounded(int batch, int length, int heads, int head) =>
        // Queries, scores, weights and results are rounded one after another.
        Kernels.AssertBFloat16IsRoundedFloat32(Apply(batch, heads), Inputs(batch, length, heads, head, 0.5), 4 * BFloat16Rounding);

    [Theory]
    [InlineData(16)]
    [InlineData(7)]
    public void Apply_LaterTokens_DoNotInfluenceEarlierOnes(int head)
    {
        Tensor[] inputs = Inputs(2, 19, 3, head);
        Tensor y = Apply(2, 3)(inputs);
        Tensor changed = inputs[0].clone();
        changed.view(2, 19, -1).narrow(1, 11, 8).copy_(Normal([2, 8, 9 * head], 17, 100));

        Tensor other = Apply(2, 3)([changed, inputs[1]]);

        Assert.Equal(Bytes(y.view(2, 19, -1).narrow(1, 0, 11)), Bytes(other.view(2, 19, -1).narrow(1, 0, 11)));
        Assert.NotEqual(Bytes(y.view(2, 19, -1).narrow(1, 11, 1)), Bytes(other.view(2, 19, -1).narrow(1, 11, 1)));
    }

    [Theory]
    [InlineData(1, 12, 1024, true)]
    [InlineData(32, 12, 128, true)]
    [InlineData(1, 12, 8192, false)]
    [InlineData(64, 32, 1 << 20, false)]
    public void HoldsScores_Shape_IsBounded(long batch, long heads, long length, bool holds) => Assert.Equal(holds, Attention.HoldsScores(batch, heads, length, length));

    [Fact]
    public void Apply_LargeScores_DoNotOverflow()
    {
        Tensor[] inputs = Inputs(2, 19, 3, 16, deviation: 30);
        double[] y = Doubles(Apply(2, 3)(inputs));
        AssertClose(Plain(Doubles(inputs[0]), Doubles(inputs[1]), 2, 3), y, 48, 4096 * Float32Rounding, "result");   // scores of thousands lose as many units
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void Apply_KeyThatIsNotFinite_SpoilsThoseThatSeeIt(float value)
    {
        Tensor[] inputs = Inputs(1, 37, 1, 16);
        inputs[0][20, 16] = value;   // a key
        inputs[0].narrow(1, 0, 1).fill_(1);

        double[] y = Doubles(Apply(1, 1)(inputs));

        Assert.All(y[..(20 * 16)], x => Assert.True(double.IsFinite(x)));
        Assert.All(y[(20 * 16)..], x => Assert.True(double.IsNaN(x)));
    }

    [Fact]
    public void Apply_KeyOfMinusInfinity_IsNotSeen()
    {
        Tensor[] inputs = Inputs(1, 37, 1, 16);
        inputs[1].zero_();
        inputs[0].narrow(1, 0, 1).fill_(1);
        Tensor expected = inputs[0].clone();
        inputs[0][20, 16] = float.NegativeInfinity;
        expected[20, 16] = -1e6f;   // so far below that its weight is 0

        double[] y = Doubles(Apply(1, 1)(inputs)), far = Doubles(Apply(1, 1)([expected, inputs[1]]));

        // Its own query sees 20 others too.
        Assert.All(y, x => Assert.True(double.IsFinite(x)));
        Assert.Equal(far, y);
    }

    [Fact]
    public void Apply_BeyondTheBuffer_IsTheSame()
    {
        const int Length = 4099;
        Tensor[] inputs = Inputs(1, Length, 1, 16);
        int[] queries = [0, 1, 15, 16, 2053, 4095, 4096, 4098];

        Tensor y = Apply(1, 1)(inputs);

        double[] actual = Doubles(y.index_select(0, tensor(Array.ConvertAll(queries, q => (long)q))));
        AssertClose(Plain(Doubles(inputs[0]), Doubles(inputs[1]), 1, 1, queries), actual, 16, 256 * Float32Rounding, "result");
    }

    [Fact]
    public void Apply_TwoThreads_GivesTheSameBits() => Kernels.AssertSameOnAnyNumberOfThreads(Apply(3, 2), Inputs(3, 67, 2, 32));

    [Fact]
    public void Apply_ForwardAndBackward_LeavesNoTensor() => Kernels.AssertLeavesNoTensor(Apply(2, 3), Inputs(2, 19, 3, 16));

    [Fact]
    public void Apply_Dropout_ScalesWhatIsKept()
    {
        // All values 1: without dropout the result is 1 everywhere; with it, the kept weights are doubled.
        Tensor qkv = ones([13, 3 * 16]), bias = zeros([3 * 16]);

        double[] y = Doubles(CausalAttention.Apply(qkv, bias, 1, 1, dropout: 0.5));

        Assert.Contains(y[..16], x => x is 0 or 2);
        Assert.Contains(y, x => x is not (0 or 1 or 2));
        Assert.All(y, x => Assert.InRange(x, 0, 2));
    }

    [Theory]
    [InlineData(1, 16)]
    [InlineData(5, 16)]
    [InlineData(11, 7)]
    public void Continue_NewTokens_AreTheLastOfTheWhole(int fresh, int head)
    {
        const int Batch = 2, Length = 11, Heads = 3;
        Tensor[] inputs = Inputs(Batch, Length, Heads, head);
        inputs[1].zero_();
        Tensor split = inputs[0].view(Batch, Length, 3, Heads, head).permute(2, 0, 3, 1, 4);
        Tensor whole = Apply(Batch, Heads)(inputs).view(Batch, Length, -1).narrow(1, Length - fresh, fresh).reshape(Batch * fresh, -1);

        Tensor y = CausalAttention.Continue(split[0].narrow(2, Length - fresh, fresh), split[1], split[2]);

        AssertClose(Doubles(whole), Doubles(y), Heads * head, 64 * Float32Rounding, "result");
    }

    [Fact]
    public void Apply_ShapesThatDoNotFit_Throws()
    {
        Assert.Equal("qkv (7, 30) must be (B·T, 3C) with B = 2, a bias (30) of 3C elements, and C divisible by 5 heads. (Parameter 'qkv')",
            Assert.Throws<ArgumentException>(() => CausalAttention.Apply(zeros([7, 30]), zeros([30]), 2, 5)).Message);
        Assert.Throws<ArgumentException>(() => CausalAttention.Apply(zeros([6, 30]), zeros([30]), 2, 3));
        Assert.Throws<ArgumentException>(() => CausalAttention.Apply(zeros([6, 30]), zeros([33]), 2, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => CausalAttention.Apply(zeros([6, 30]), zeros([30]), 0, 5));
        Assert.Throws<ArgumentOutOfRangeException>(() => CausalAttention.Apply(zeros([6, 30]), zeros([30]), 2, 0));
    }
}

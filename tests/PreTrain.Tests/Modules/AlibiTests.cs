using PreTrain.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Modules;

[Collection(nameof(RunsAlone))]
public sealed class AlibiTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1, new[] { 1.0 / 256 })]
    [InlineData(2, new[] { 1.0 / 16, 1.0 / 256 })]
    [InlineData(3, new[] { 1.0 / 16, 1.0 / 256, 1.0 / 4 })]
    [InlineData(8, new[] { 1.0 / 2, 1.0 / 4, 1.0 / 8, 1.0 / 16, 1.0 / 32, 1.0 / 64, 1.0 / 128, 1.0 / 256 })]
    public void Slopes_Heads_AreThePapers(int heads, double[] expected) => Assert.Equal(expected, Alibi.Slopes(heads));

    [Fact]
    public void Bias_EveryPair_IsTheSlopeTimesTheDistance()
    {
        double[] bias = Doubles(Alibi.Bias(3, 5, 7)), slopes = [1.0 / 16, 1.0 / 256, 1.0 / 4];

        for (int h = 0; h < 3; h++)
            for (int t = 0; t < 5; t++)
                for (int s = 0; s < 7; s++) Assert.Equal(-slopes[h] * Math.Abs(t + 2 - s), bias[(h * 5 + t) * 7 + s], 1e-7);
    }

    [Fact]
    public void Bias_InCausalAttention_IsThatOfPlainLoops()
    {
        const int Heads = 2, Length = 7, Width = 3;
        Tensor q = Normal([Length, Heads * Width], 3), k = Normal([Length, Heads * Width], 5), v = Normal([Length, Heads * Width], 7);
        PackedSequences one = PackedSequences.Full(1, Length);
        double[] actual = Doubles(Attention.Apply(q, k, v, one, one, AttentionMask.Causal, new AttentionOptions { HeadCount = Heads, Bias = Alibi.Bias(Heads, Length, Length) }).Rows);

        double[] dq = Doubles(q), dk = Doubles(k), dv = Doubles(v), slopes = Alibi.Slopes(Heads), expected = new double[actual.Length];
        for (int h = 0; h < Heads; h++)
        {
            for (int t = 0; t < Length; t++)
            {
                double[] weights = [.. Enumerable.Range(0, t + 1).Select(s =>
                    Math.Exp(Enumerable.Range(0, Width).Sum(c => dq[t * Heads * Width + h * Width + c] * dk[s * Heads * Width + h * Width + c]) / Math.Sqrt(Width) - slopes[h] * (t - s)))];
                for (int c = 0; c < Width; c++)
                    expected[t * Heads * Width + h * Width + c] = weights.Select((w, s) => w * dv[s * Heads * Width + h * Width + c]).Sum() / weights.Sum();
            }
        }
        AssertClose(expected, actual, Heads * Width, 32 * Float32Rounding, "result");
    }

    [Fact]
    public void Bias_FewerKeysThanQueries_Throws() =>
        Assert.StartsWith("There are 3 keys, fewer than the queries (5), which are the last of them.", Assert.Throws<ArgumentOutOfRangeException>(() => Alibi.Bias(2, 5, 3)).Message, StringComparison.Ordinal);
}

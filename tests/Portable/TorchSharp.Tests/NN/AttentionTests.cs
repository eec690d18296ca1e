using System.Runtime.InteropServices;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests.NN;

public class AttentionTests
{
    protected const int Heads = 3, Queries = 5, Keys = 7, Width = 2, ValueWidth = 4;

    protected static (Tensor Q, Tensor K, Tensor V) Inputs(int keys = Keys) =>
        (randn([2, Heads, Queries, Width], ScalarType.Float64), randn([2, Heads, keys, Width], ScalarType.Float64), randn([2, Heads, keys, ValueWidth], ScalarType.Float64));

    // The score is lifted by an addend, which is −∞ where attention may not go. A row that may go nowhere gives zeros.
    protected static double[] Explicit(Tensor query, Tensor key, Tensor value, int keys, Func<int, int, int, double> addend)
    {
        double[] q = Reference.Values(query), k = Reference.Values(key), v = Reference.Values(value);
        var result = new double[2 * Heads * Queries * ValueWidth];
        for (int bh = 0; bh < 2 * Heads; bh++)
            for (int i = 0; i < Queries; i++)
            {
                var weights = new double[keys];
                for (int j = 0; j < keys; j++)
                {
                    double dot = 0;
                    for (int d = 0; d < Width; d++) dot += q[(bh * Queries + i) * Width + d] * k[(bh * keys + j) * Width + d];
                    weights[j] = Math.Exp(dot / Math.Sqrt(Width) + addend(bh, i, j));
                }
                double sum = weights.Sum();
                for (int j = 0; sum > 0 && j < keys; j++)
                    for (int d = 0; d < ValueWidth; d++)
                        result[(bh * Queries + i) * ValueWidth + d] += weights[j] / sum * v[(bh * keys + j) * ValueWidth + d];
            }
        return result;
    }

    protected virtual Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask = null, double p = 0, bool causal = false) =>
        F.scaled_dot_product_attention(q, k, v, mask, p, causal);

    [Fact]
    public void Attention_Plain_MatchesExplicitSoftmax()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Reference.Close(Explicit(q, k, v, Keys, (_, _, _) => 0), Attention(q, k, v), 1e-12);
    }

    [Fact]
    public void Attention_Causal_LooksBackOnly()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(Queries);
        Reference.Close(Explicit(q, k, v, Queries, (_, i, j) => j > i ? double.NegativeInfinity : 0), Attention(q, k, v, causal: true), 1e-12);
    }

    [Fact]
    public void Attention_BooleanMaskOfKeys_LeavesThemOut()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Tensor mask = tensor(Enumerable.Range(0, 2 * Keys).Select(i => i % 3 != 0).ToArray(), [2, 1, 1, Keys]);
        Reference.Close(Explicit(q, k, v, Keys, (bh, _, j) => (bh / Heads * Keys + j) % 3 != 0 ? 0 : double.NegativeInfinity), Attention(q, k, v, mask), 1e-12);
    }

    [Fact]
    public void Attention_AdditiveMask_IsAddedToTheScores()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Tensor mask = randn([Queries, Keys], ScalarType.Float64);
        double[] m = Reference.Values(mask);
        Reference.Close(Explicit(q, k, v, Keys, (_, i, j) => m[i * Keys + j]), Attention(q, k, v, mask), 1e-12);
    }

    [Fact]
    public void Attention_Dropout_KeepsTheMeanOfTheWeights()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        Tensor q = zeros(1, 1, 211, 2), k = zeros(1, 1, 101, 2), v = ones(1, 1, 101, 1);
        Tensor dropped = Attention(q, k, v, p: 0.3);
        Assert.Equal(1.0, dropped.mean().item<float>(), 0.02);
        Assert.False(dropped.allclose(ones(1, 1, 211, 1)));
    }

    [Fact]
    public void Attention_WrongArguments_Throw()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Assert.Throws<ArgumentException>(() => F.scaled_dot_product_attention(q, k, v, p: -0.1));
        Assert.Throws<ArgumentException>(() => F.scaled_dot_product_attention(q, k, v, ones(5, 7, ScalarType.Bool), is_casual: true));
    }

    [Theory]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Byte)]
    [InlineData(ScalarType.Float16)]
    public void Attention_MaskOfAnotherKind_IsRefused(ScalarType type)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        var e = Assert.Throws<ExternalException>(() => Attention(q, k, v, ones([Queries, Keys], type)));
        Assert.Contains("Expected attn_mask dtype to be bool or float or to match query dtype, but got", e.Message);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Attention_FloatMaskBesideBFloat16_KeepsTheType(int batches)
    {
        using var scope = NewDisposeScope();
        Tensor q = randn([1, Queries, Width]), k = randn([1, Keys, Width]), v = randn([1, Keys, ValueWidth]), mask = randn([batches, Queries, Keys]);
        Tensor expected = Attention(q, k, v, mask), result = Attention(q.bfloat16(), k.bfloat16(), v.bfloat16(), mask);
        Assert.Equal(ScalarType.BFloat16, result.dtype);
        Assert.True(result.@float().allclose(expected, 0.05, 0.05));
    }

    [Fact]
    public void Attention_InputsThatDoNotSuit_AreRefused()
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Assert.Contains("the same dtype", Assert.Throws<ExternalException>(() => Attention(q, k, v.@float())).Message);
        Assert.Contains("the same dtype", Assert.Throws<ExternalException>(() => Attention(q, k.@float(), v)).Message);
        Assert.Contains("at least 2 dimensional", Assert.Throws<ExternalException>(() => Attention(q[0, 0, 0], k, v)).Message);
        Assert.Contains("at least 2 dimensional", Assert.Throws<ExternalException>(() => Attention(q, k, v[0, 0, 0])).Message);
    }
}

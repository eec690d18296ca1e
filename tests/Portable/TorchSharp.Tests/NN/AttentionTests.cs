using TorchSharp.Interop;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace TorchSharp.Tests.NN;

public class AttentionTests
{
    private const int Heads = 3, Queries = 5, Keys = 7, Width = 2, ValueWidth = 4;

    private static (Tensor Q, Tensor K, Tensor V) Inputs(int keys = Keys) =>
        (randn([2, Heads, Queries, Width], ScalarType.Float64), randn([2, Heads, keys, Width], ScalarType.Float64), randn([2, Heads, keys, ValueWidth], ScalarType.Float64));

    // The score is lifted by an addend, which is −∞ where attention may not go. A row that may go nowhere gives zeros.
    private static double[] Explicit(Tensor query, Tensor key, Tensor value, int keys, Func<int, int, int, double> addend)
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

    public static TheoryData<bool> Paths => [true, false];

    private static Tensor Attention(bool composed, Tensor q, Tensor k, Tensor v, Tensor? mask = null, double p = 0, bool causal = false) =>
        composed ? Composed.AttentionFromParts(q, k, v, mask, p, causal) : F.scaled_dot_product_attention(q, k, v, mask, p, causal);

    [Theory]
    [MemberData(nameof(Paths))]
    public void Attention_Plain_MatchesExplicitSoftmax(bool composed)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Reference.Close(Explicit(q, k, v, Keys, (_, _, _) => 0), Attention(composed, q, k, v), 1e-12);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Attention_Causal_LooksBackOnly(bool composed)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs(Queries);
        Reference.Close(Explicit(q, k, v, Queries, (_, i, j) => j > i ? double.NegativeInfinity : 0), Attention(composed, q, k, v, causal: true), 1e-12);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Attention_BooleanMaskOfKeys_LeavesThemOut(bool composed)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Tensor mask = tensor(Enumerable.Range(0, 2 * Keys).Select(i => i % 3 != 0).ToArray(), [2, 1, 1, Keys]);
        Reference.Close(Explicit(q, k, v, Keys, (bh, _, j) => (bh / Heads * Keys + j) % 3 != 0 ? 0 : double.NegativeInfinity), Attention(composed, q, k, v, mask), 1e-12);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Attention_AdditiveMask_IsAddedToTheScores(bool composed)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        Tensor mask = randn([Queries, Keys], ScalarType.Float64);
        double[] m = Reference.Values(mask);
        Reference.Close(Explicit(q, k, v, Keys, (_, i, j) => m[i * Keys + j]), Attention(composed, q, k, v, mask), 1e-12);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Composed_MaskWiderThanTheScores_Broadcasts(bool additive)
    {
        using var scope = NewDisposeScope();
        Tensor q = randn([1, Queries, Width], ScalarType.Float64), k = randn([1, Keys, Width], ScalarType.Float64), v = randn([1, Keys, ValueWidth], ScalarType.Float64);
        Tensor mask = tensor(Enumerable.Range(0, 3 * Keys).Select(i => i % 5 != 1).ToArray(), [3, 1, Keys]);
        if (additive) mask = mask.to(ScalarType.Float64).log();
        Tensor wide = Composed.AttentionFromParts(q, k, v, mask, 0, false);
        Assert.Equal([3L, Queries, ValueWidth], wide.shape);
        for (int b = 0; b < 3; b++)
            Assert.True(wide[b..(b + 1)].allclose(Composed.AttentionFromParts(q, k, v, mask[b..(b + 1)], 0, false)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Composed_RowWithoutKeys_GivesZerosAndFiniteGradients(bool additive)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        q.requires_grad_();
        bool[] allowed = [.. Enumerable.Range(0, Queries * Keys).Select(i => i / Keys != 2 && i % 3 != 1)];
        Tensor mask = additive
            ? tensor(allowed.Select(a => a ? 0.5 : double.NegativeInfinity).ToArray(), [Queries, Keys])
            : tensor(allowed, [Queries, Keys]);
        Tensor result = Composed.AttentionFromParts(q, k, v, mask, 0, false);
        Reference.Close(Explicit(q, k, v, Keys, (_, i, j) => allowed[i * Keys + j] ? 0 : double.NegativeInfinity), result, 1e-12);
        result.sum().backward();
        double[] gradient = Reference.Values(q.grad!);
        Assert.All(gradient, g => Assert.True(double.IsFinite(g)));
        Assert.Equal(0, gradient[2 * Width]);
    }

    [Theory]
    [InlineData("plain")]
    [InlineData("causal")]
    [InlineData("mask")]
    [InlineData("bias")]
    public void Composed_Gradients_AreThoseOfFiniteDifferences(string kind)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor q = randn([1, 2, 3, 2], ScalarType.Float64), k = randn([1, 2, 5, 2], ScalarType.Float64), v = randn([1, 2, 5, 3], ScalarType.Float64);
        Tensor outer = randn([1, 2, 3, 3], ScalarType.Float64);
        Tensor mask = tensor(Enumerable.Range(0, 15).Select(i => i % 4 != 1).ToArray(), [3, 5]);
        Tensor bias = randn([3, 5], ScalarType.Float64);
        Reference.CheckGradient(
            t => (Composed.AttentionFromParts(t[0], t[1], t[2], kind switch { "mask" => mask, "bias" => t[3], _ => null }, 0, kind == "causal") * outer).sum(),
            kind == "bias" ? [q, k, v, bias] : [q, k, v]);
    }

    [Fact]
    public void Attention_Dropout_KeepsTheMeanOfTheWeights()
    {
        using var scope = NewDisposeScope();
        manual_seed(7);
        Tensor q = zeros(1, 1, 211, 2), k = zeros(1, 1, 101, 2), v = ones(1, 1, 101, 1);
        Tensor dropped = F.scaled_dot_product_attention(q, k, v, p: 0.3);
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
}

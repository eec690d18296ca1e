using TorchSharp.Interop;
using TorchSharp.Tests.NN;
using static TorchSharp.torch;

namespace TorchSharp.Tests.Interop;

/// <summary>Attention composed from other operators, for a libtorch that has none.</summary>
public sealed class ComposedAttentionTests : AttentionTests
{
    protected override Tensor Attention(Tensor q, Tensor k, Tensor v, Tensor? mask = null, double p = 0, bool causal = false) =>
        Composed.AttentionFromParts(q, k, v, mask, p, causal);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attention_MaskWiderThanTheScores_Broadcasts(bool additive)
    {
        using var scope = NewDisposeScope();
        Tensor q = randn([1, Queries, Width], ScalarType.Float64), k = randn([1, Keys, Width], ScalarType.Float64), v = randn([1, Keys, ValueWidth], ScalarType.Float64);
        Tensor mask = tensor(Enumerable.Range(0, 3 * Keys).Select(i => i % 5 != 1).ToArray(), [3, 1, Keys]);
        if (additive) mask = mask.to(ScalarType.Float64).log();
        Tensor wide = Attention(q, k, v, mask);
        Assert.Equal([3L, Queries, ValueWidth], wide.shape);
        for (int b = 0; b < 3; b++)
            Assert.True(wide[b..(b + 1)].allclose(Attention(q, k, v, mask[b..(b + 1)])));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Attention_RowWithoutKeys_GivesZerosAndFiniteGradients(bool additive)
    {
        using var scope = NewDisposeScope();
        var (q, k, v) = Inputs();
        q.requires_grad_();
        bool[] allowed = [.. Enumerable.Range(0, Queries * Keys).Select(i => i / Keys != 2 && i % 3 != 1)];
        Tensor mask = additive
            ? tensor(allowed.Select(a => a ? 0.5 : double.NegativeInfinity).ToArray(), [Queries, Keys])
            : tensor(allowed, [Queries, Keys]);
        Tensor result = Attention(q, k, v, mask);
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
    public void Attention_Gradients_AreThoseOfFiniteDifferences(string kind)
    {
        using var scope = NewDisposeScope();
        manual_seed(3);
        Tensor q = randn([1, 2, 3, 2], ScalarType.Float64), k = randn([1, 2, 5, 2], ScalarType.Float64), v = randn([1, 2, 5, 3], ScalarType.Float64);
        Tensor outer = randn([1, 2, 3, 3], ScalarType.Float64);
        Tensor mask = tensor(Enumerable.Range(0, 15).Select(i => i % 4 != 1).ToArray(), [3, 5]);
        Tensor bias = randn([3, 5], ScalarType.Float64);
        Reference.CheckGradient(
            t => (Attention(t[0], t[1], t[2], kind switch { "mask" => mask, "bias" => t[3], _ => null }, causal: kind == "causal") * outer).sum(),
            kind == "bias" ? [q, k, v, bias] : [q, k, v]);
    }
}

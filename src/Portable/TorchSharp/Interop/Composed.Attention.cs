using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace TorchSharp.Interop;

internal static partial class Composed
{
    private static readonly Operator s_attention = new("scaled_dot_product_attention");
    private static readonly Operator s_attentionMul = new("mul", "Scalar"), s_attentionMatmul = new("matmul"), s_attentionTranspose = new("transpose", "int");
    private static readonly Operator s_attentionSoftmax = new("softmax", "int"), s_attentionDropout = new("dropout"), s_attentionAdd = new("add", "Tensor"), s_attentionAddInPlace = new("add_", "Tensor");
    private static readonly Operator s_attentionFill = new("masked_fill", "Scalar"), s_attentionFillInPlace = new("masked_fill_", "Scalar");
    private static readonly Operator s_attentionOnes = new("ones"), s_attentionTriu = new("triu"), s_attentionNot = new("logical_not"), s_attentionAnd = new("logical_and");
    private static readonly Operator s_attentionAll = new("all", "dim"), s_attentionAny = new("any"), s_attentionEqual = new("eq", "Scalar");

    /// <summary>libtorch's attention where it has one (since 2.0), else the same out of smaller operators.</summary>
    internal static Tensor ScaledDotProductAttention(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout, bool causal) =>
        s_attention.Exists
            ? s_attention.Call(query, key, value, mask, dropout, causal)
            : AttentionFromParts(query, key, value, mask, dropout, causal);

    /// <summary>(…, L, D), (…, S, D), (…, S, V) to (…, L, V). The scores are scaled by the query, which is the smaller tensor.</summary>
    internal static Tensor AttentionFromParts(Tensor query, Tensor key, Tensor value, Tensor? mask, double dropout, bool causal)
    {
        CheckAttention(query, key, value, mask);
        using DisposeScope scope = NewDisposeScope();
        Tensor scaled = s_attentionMul.Call(query, 1 / Math.Sqrt(query.size(-1)));
        Tensor scores = s_attentionMatmul.Call(scaled, s_attentionTranspose.Call(key, -2, -1));   // (…, L, S)
        Tensor? dead = null;   // rows without a single place to attend to
        if (causal)
        {
            Tensor later = s_attentionTriu.Call(s_attentionOnes.Call(new[] { query.size(-2), key.size(-2) }, ScalarType.Bool, Value.None, query.device), 1);
            s_attentionFillInPlace.CallInto(scores, scores, later, double.NegativeInfinity);
        }
        else if (mask is not null)
        {
            // A dead row is left unmasked, so that neither its softmax nor the gradient is NaN, and its weights become zero.
            Tensor blocked = mask.dtype == ScalarType.Bool ? s_attentionNot.Call(mask) : s_attentionEqual.Call(mask, double.NegativeInfinity);
            dead = s_attentionAll.Call(blocked, -1, true);
            if (Kernels.Item(s_attentionAny.Call(dead)) == 0) dead = null;
            bool fits = Fits(mask.shape, scores.shape);
            if (mask.dtype == ScalarType.Bool)
            {
                if (dead is not null) blocked = s_attentionAnd.Call(blocked, s_attentionNot.Call(dead));
                scores = (fits ? s_attentionFillInPlace : s_attentionFill).Call(scores, blocked, double.NegativeInfinity);
            }
            else
            {
                Tensor addend = dead is null ? mask : s_attentionFill.Call(mask, dead, 0.0);
                scores = fits ? s_attentionAddInPlace.Call(scores, addend) : s_attentionAdd.Call(scores, Kernels.To(addend, scores.dtype, scores.device));
            }
        }

        Tensor weights = s_attentionSoftmax.Call(scores, -1);
        if (dead is not null) weights = s_attentionFill.Call(weights, dead, 0.0);
        if (dropout > 0) weights = s_attentionDropout.Call(weights, dropout, true);
        return s_attentionMatmul.Call(weights, value).MoveToOuterDisposeScope();
    }

    // What libtorch's own asks for, in its words.
    private static void CheckAttention(Tensor query, Tensor key, Tensor value, Tensor? mask)
    {
        if (query.dtype != key.dtype || query.dtype != value.dtype)
            throw new ExternalException($"Expected query, key, and value to have the same dtype, but got query.dtype: {query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead.");
        if (query.Dimensions < 2 || key.Dimensions < 2 || value.Dimensions < 2)
            throw new ExternalException($"Expected query, key, and value to all be at least 2 dimensional, but got query.dim: {query.Dimensions} key.dim: {key.Dimensions} and value.dim: {value.Dimensions} instead.");
        if (mask is not null && mask.dtype is not (ScalarType.Bool or ScalarType.Float32) && mask.dtype != query.dtype)
            throw new ExternalException($"Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: {mask.dtype} and query.dtype: {query.dtype} instead.");
    }

    // Whether the mask leaves the shape of the scores as it is, which may then be written in place.
    private static bool Fits(long[] mask, long[] scores)
    {
        if (mask.Length > scores.Length) return false;
        for (int i = 1; i <= mask.Length; i++)
            if (mask[^i] != 1 && mask[^i] != scores[^i]) return false;
        return true;
    }
}

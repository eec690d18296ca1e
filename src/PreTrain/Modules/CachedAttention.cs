// B sequences, H query heads, G key-value heads, T new tokens, S tokens in all, or of a source, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Attention of new tokens to those in a key-value cache and to themselves, or to a source.</summary>
public static class CachedAttention
{
    /// <summary>Attends.</summary>
    /// <param name="query">Of the new tokens, (B, H, T, D).</param>
    /// <param name="keys">Of all tokens, the new ones last, (B, G, S, D).</param>
    /// <param name="values">Likewise.</param>
    /// <param name="mask">Which keys a query sees; no query sees a later one.</param>
    /// <param name="scale">What scores are multiplied with; null means 1/√D.</param>
    /// <param name="bias">Added to the scores, (1, H, T, S).</param>
    /// <param name="hidden">Keys that are not seen besides, (B, 1, T, S) of Booleans; null for none.</param>
    /// <returns>The heads' outputs side by side, (B·T, H·D).</returns>
    public static Tensor Apply(Tensor query, Tensor keys, Tensor values, AttentionMask mask, double? scale = null, Tensor? bias = null, Tensor? hidden = null)
    {
        ArgumentNullException.ThrowIfNull(mask);
        using DisposeScope scope = NewDisposeScope();
        int length = checked((int)query.size(2)), all = checked((int)keys.size(2));
        (int First, int End)[] intervals = mask.Intervals(0, length, all);
        if (bias is null && hidden is null && NextTokenAttention.Fits(query, keys, values) && intervals[0].First < all)
            return scope.MoveToOuter(NextTokenAttention.Apply(query, keys, values, scale ?? 1 / Math.Sqrt(query.size(3)), Enumerable.Repeat(intervals[0].First, (int)query.size(0)).ToArray()));
        Tensor? seen = null;
        if (intervals.Any(i => i.First > 0 || i.End < all))
            seen = mask.ToTensor(PackedSequences.Full(1, length), PackedSequences.Full(1, all), query.device);   // (1, 1, T, S)
        if (hidden is not null) seen = seen is null ? hidden.logical_not() : seen.logical_and(hidden.logical_not());   // (B, 1, T, S)
        return scope.MoveToOuter(Attend(query, keys, values, scale, bias, seen));
    }

    /// <summary>Attends to all tokens of a source.</summary>
    /// <param name="query">Of the new tokens, (B, H, T, D).</param>
    /// <param name="source">What the decoder remembers of the source.</param>
    /// <param name="layer">The layer's number.</param>
    /// <param name="scale">What scores are multiplied with; null means 1/√D.</param>
    /// <returns>The heads' outputs side by side, (B·T, H·D).</returns>
    public static Tensor ToSource(Tensor query, SourceMemory source, int layer, double? scale = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        using DisposeScope scope = NewDisposeScope();
        var (keys, values) = source[layer];
        return scope.MoveToOuter(Attend(query, keys, values, scale, null, source.Seen));
    }

    private static Tensor Attend(Tensor query, Tensor keys, Tensor values, double? scale, Tensor? bias, Tensor? seen)
    {
        long batch = query.size(0), heads = query.size(1), length = query.size(2), head = query.size(3), shared = keys.size(1), all = keys.size(2), group = heads / shared;
        // The query heads that share keys are rows of one product.
        Tensor q = (query * (scale ?? 1 / Math.Sqrt(head))).reshape(batch, shared, group * length, head);
        Tensor scores = matmul(q, keys.transpose(-2, -1)).to(ScalarType.Float32).view(batch, shared, group, length, all);
        if (bias is not null) scores += bias.view(1, shared, group, length, all);
        Tensor? unseen = seen?.logical_not().unsqueeze(1);                                       // (1 or B, 1, 1, 1 or T, S)
        if (unseen is not null) scores = scores.masked_fill(unseen, double.NegativeInfinity);
        Tensor weights = nn.functional.softmax(scores, -1);
        if (unseen is not null) weights = weights.masked_fill(unseen, 0);                        // a query that sees nothing
        Tensor y = matmul(weights.to(query.dtype).view(batch, shared, -1, all), values).view(batch, heads, length, head);
        return y.transpose(1, 2).reshape(batch * length, heads * head);
    }
}

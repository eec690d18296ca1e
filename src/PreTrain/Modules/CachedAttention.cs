// B sequences, H query heads, G key-value heads, T new tokens, S tokens in all, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Attention of new tokens to those in a key-value cache and to themselves.</summary>
public static class CachedAttention
{
    /// <summary>Attends.</summary>
    /// <param name="query">Of the new tokens, (B, H, T, D).</param>
    /// <param name="keys">Of all tokens, the new ones last, (B, G, S, D).</param>
    /// <param name="values">Likewise.</param>
    /// <param name="mask">Which keys a query sees; no query sees a later one.</param>
    /// <returns>The heads' outputs side by side, (B·T, H·D).</returns>
    public static Tensor Apply(Tensor query, Tensor keys, Tensor values, AttentionMask mask)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = query.size(0), heads = query.size(1), length = query.size(2), head = query.size(3), shared = keys.size(1), all = keys.size(2);
        // The query heads that share keys are rows of one product.
        Tensor q = (query * (1 / Math.Sqrt(head))).reshape(batch, shared, heads / shared * length, head);
        Tensor scores = matmul(q, keys.transpose(-2, -1)).to(ScalarType.Float32).view(batch, shared, heads / shared, length, all);
        (int First, int End)[] intervals = mask.Intervals(0, (int)length, (int)all);
        if (intervals.Any(i => i.First > 0 || i.End < all))
        {
            PackedSequences one = PackedSequences.Full(1, length), whole = PackedSequences.Full(1, all);
            scores = scores.masked_fill(mask.ToTensor(one, whole, query.device).logical_not(), double.NegativeInfinity);   // (1, 1, T, S)
        }
        Tensor weights = nn.functional.softmax(scores, -1).to(query.dtype).view(batch, shared, -1, all);
        Tensor y = matmul(weights, values).view(batch, heads, length, head);
        return scope.MoveToOuter(y.transpose(1, 2).reshape(batch * length, heads * head));
    }
}

// B sequences, H query heads, G key-value heads, T new tokens, S tokens in all, or of a source, D width of a head
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Attention of new tokens to those in a key-value cache and to themselves, or to a source.</summary>
public static class CachedAttention
{
    private const long MostScores = 1 << 24;   // at once
    private const long FewestRows = 16;        // of a block

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
        bool isMasked = intervals.Any(i => i.First > 0 || i.End < all);
        return scope.MoveToOuter(InBlocks(query, all, (rows, from, count) =>
        {
            // A part of the queries needs the keys alone that any of them sees.
            (int First, int End)[] own = intervals[from..(from + count)];
            int first = count == length ? 0 : Math.Min(own.Min(i => i.First), all - 1), end = count == length ? all : Math.Max(own.Max(i => i.End), first + 1);
            Tensor? seen = isMasked ? Seen(own, first, end, query.device) : null;                                                     // (1, 1, n, S)
            if (hidden?.narrow(2, from, count).narrow(3, first, end - first).logical_not() is { } there) seen = seen?.logical_and(there) ?? there;   // (B, 1, n, S)
            return Attend(rows, keys.narrow(2, first, end - first), values.narrow(2, first, end - first), scale, bias?.narrow(2, from, count).narrow(3, first, end - first), seen);
        }));
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
        return scope.MoveToOuter(InBlocks(query, keys.size(2), (rows, _, _) => Attend(rows, keys, values, scale, null, source.Seen)));
    }

    /// <summary>Attends with so many queries at once that not all scores are held together, (B, H, T, D) → (B·T, H·D).</summary>
    private static Tensor InBlocks(Tensor query, long all, Func<Tensor, int, int, Tensor> attend)
    {
        long batch = query.size(0), heads = query.size(1), length = query.size(2), rows = Math.Clamp(MostScores / Math.Max(1, batch * heads * all), FewestRows, Math.Max(FewestRows, length));
        var blocks = new List<Tensor>();
        for (long from = 0; from < length; from += rows)
        {
            using DisposeScope scope = NewDisposeScope();
            int count = (int)Math.Min(rows, length - from);
            blocks.Add(scope.MoveToOuter(attend(query.narrow(2, from, count), (int)from, count)));   // (B, H, n, D)
        }
        Tensor y = blocks.Count == 1 ? blocks[0] : cat(blocks, 2);
        return y.transpose(1, 2).reshape(batch * length, -1);
    }

    /// <summary>Which of the keys from one to another each query sees, (1, 1, n, S) of Booleans.</summary>
    private static Tensor Seen((int First, int End)[] intervals, int first, int end, Device device)
    {
        Tensor places = arange(first, end, dtype: ScalarType.Int64, device: device), from = Column(i => i.First), to = Column(i => i.End);
        return places.ge(from).logical_and(places.lt(to)).view(1, 1, intervals.Length, end - first);

        Tensor Column(Func<(int First, int End), long> of) => tensor(Array.ConvertAll(intervals, i => of(i)), [intervals.Length, 1], device: device);
    }

    /// <summary>(B, H, n, D), (B, G, S, D) twice → (B, H, n, D).</summary>
    private static Tensor Attend(Tensor query, Tensor keys, Tensor values, double? scale, Tensor? bias, Tensor? seen)
    {
        long batch = query.size(0), heads = query.size(1), length = query.size(2), head = query.size(3), shared = keys.size(1), all = keys.size(2), group = heads / shared;
        // The query heads that share keys are rows of one product.
        Tensor q = (query * (scale ?? 1 / Math.Sqrt(head))).reshape(batch, shared, group * length, head);
        Tensor scores = WidenedProduct.Of(q, keys.transpose(-2, -1)).to(ScalarType.Float32).view(batch, shared, group, length, all);
        if (bias is not null) scores += bias.view(1, shared, group, length, all);
        Tensor? unseen = seen?.logical_not().unsqueeze(1);                                       // (1 or B, 1, 1, 1 or T, S)
        if (unseen is not null) scores = scores.masked_fill(unseen, double.NegativeInfinity);
        Tensor weights = nn.functional.softmax(scores, -1);
        if (unseen is not null) weights = weights.masked_fill(unseen, 0);                        // a query that sees nothing
        return WidenedProduct.Of(weights.to(query.dtype).view(batch, shared, -1, all), values).view(batch, heads, length, head);
    }
}

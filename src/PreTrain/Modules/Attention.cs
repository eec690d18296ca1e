// B sequences, H query heads, G key-value heads (H a multiple of G), D width of a head, N rows of queries, M rows of keys
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Scaled dot-product attention with several heads (Vaswani et al. 2017, section 3.2), with shared key-value heads (Ainslie et al. 2023) and every mask,
/// on packed rows: softmax(Q·Kᵀ·scale + bias)·V within each sequence.
/// </summary>
public static class Attention
{
    /// <summary>Attends.</summary>
    /// <param name="query">(N, H·D).</param>
    /// <param name="key">(M, G·D).</param>
    /// <param name="value">(M, G·D).</param>
    /// <param name="queries">The sequences of the queries.</param>
    /// <param name="keys">The sequences of the keys, as many.</param>
    /// <param name="mask">Which keys a query sees.</param>
    /// <param name="options">Heads, and what else differs between models.</param>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static AttentionOutput Apply(Tensor query, Tensor key, Tensor value, PackedSequences queries, PackedSequences keys, AttentionMask mask, AttentionOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Check(query, key, value, queries, keys, options);
        long head = query.size(1) / options.HeadCount;
        double scale = options.Scale ?? 1 / Math.Sqrt(head);
        // Two batched products a side on a matrix unit are faster than blocks, unless weights would have to be dropped between them, or fill the memory.
        bool kernel = options.Dropout < 1 && HasKernelFor(options.Bias, queries, keys, options.HeadCount) && options.Prefix is null && !options.WantWeights && head % 16 == 0
            && TensorMemory.HasKernelsFor(query) && key.dtype == query.dtype && value.dtype == query.dtype
            && !(query.dtype == ScalarType.BFloat16 && Processor.HasBFloat16Matrices && queries.IsFull && keys.IsFull && options.Dropout == 0
                && HoldsScores(queries.Count, options.HeadCount, queries.MaxLength, keys.MaxLength));
        if (!kernel) return Composed(query, key, value, queries, keys, mask, options, scale);
        DropoutMask? dropout = options.Dropout == 0 ? null : DropoutMask.Draw(options.Dropout);
        Tensor? bias = options.Bias?.to(ScalarType.Float32).contiguous();
        return new(PackedAttention.apply(query.contiguous(), key.contiguous(), value.contiguous(), bias!, queries, keys, mask, options.HeadCount, options.KeyValueHeads, scale, dropout!), null, null);
    }

    /// <summary>Whether all scores of a layer may be held for the sake of products on a matrix unit: 128 MiB in 16 bits, and twice that in 32 while they are made. They grow with the square of the length.</summary>
    internal static bool HoldsScores(long sequences, long heads, long queries, long keys) => sequences * heads * queries * keys <= 1 << 26;

    private static bool HasKernelFor(Tensor? bias, PackedSequences queries, PackedSequences keys, int heads) =>
        bias is null || (bias.ndim == 4 && bias.size(0) == 1 && bias.size(1) == heads && bias.size(2) == queries.MaxLength && bias.size(3) == keys.MaxLength);

    private static void Check(Tensor query, Tensor key, Tensor value, PackedSequences queries, PackedSequences keys, AttentionOptions options)
    {
        int heads = options.HeadCount, shared = options.KeyValueHeads;
        if (heads <= 0 || shared <= 0 || heads % shared != 0)
            throw new ArgumentException($"The query heads ({heads}) must be a multiple of the key-value heads ({shared}).", nameof(options));
        if (query.ndim != 2 || query.size(0) != queries.Rows || query.size(1) % heads != 0)
            throw new ArgumentException($"query ({string.Join(", ", query.shape)}) must be ({queries.Rows}, H·D) with H = {heads}.", nameof(query));
        long width = query.size(1) / heads * shared;
        foreach (var (name, t) in new[] { (nameof(key), key), (nameof(value), value) })
        {
            if (t.ndim != 2 || t.size(0) != keys.Rows || t.size(1) != width)
                throw new ArgumentException($"{name} ({string.Join(", ", t.shape)}) must be ({keys.Rows}, {width}), for {shared} heads of {query.size(1) / heads}.", name);
        }
        if (queries.Count != keys.Count) throw new ArgumentException($"There are {queries.Count} sequences of queries and {keys.Count} of keys.", nameof(keys));
    }

    /// <summary>In torch's own operators, on padded sequences.</summary>
    private static AttentionOutput Composed(Tensor query, Tensor key, Tensor value, PackedSequences queries, PackedSequences keys, AttentionMask mask, AttentionOptions options, double scale)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor q = Spread(query, queries, options.HeadCount), k = Spread(key, keys, options.KeyValueHeads), v = Spread(value, keys, options.KeyValueHeads);
        int own = options.Prefix?.Length ?? 0;
        if (options.Prefix is { } prefix)
        {
            var (firstKeys, firstValues) = prefix.Of(keys.Count, options.KeyValueHeads);
            (k, v) = (cat([firstKeys, k], 2), cat([firstValues, v], 2));
        }
        int group = options.HeadCount / options.KeyValueHeads;
        if (group > 1) (k, v) = (k.repeat_interleave(group, 1), v.repeat_interleave(group, 1));   // (B, H, S, D)
        Tensor scores = WidenedProduct.Of(q * scale, k.transpose(-2, -1));                        // (B, H, T, S)
        if (options.Bias is { } bias) scores += bias;
        Tensor? seen = mask.IsNone && keys.IsFull ? null : mask.ToTensor(queries, keys, query.device);
        if (seen is not null && own > 0) seen = cat([ones([seen.size(0), 1, seen.size(2), own], dtype: ScalarType.Bool, device: seen.device), seen], 3);
        if (seen is not null) scores = scores.masked_fill(seen.logical_not(), double.NegativeInfinity);
        Tensor weights = nn.functional.softmax(scores.to(ScalarType.Float32), -1);
        if (seen is not null) weights = weights.masked_fill(seen.logical_not(), 0);               // a query that sees nothing
        weights = weights.to(query.dtype);
        Tensor kept = options.Dropout == 0 ? weights : CounterDropout.Apply(weights, options.Dropout);
        Tensor rows = Gather(WidenedProduct.Of(kept, v), queries);
        return options.WantWeights ? new(scope.MoveToOuter(rows), scope.MoveToOuter(weights.alias()), scope.MoveToOuter(v.alias())) : new(scope.MoveToOuter(rows), null, null);
    }

    /// <summary>(N, H·D) → (B, H, T, D), zeros after a sequence's end.</summary>
    private static Tensor Spread(Tensor rows, PackedSequences sequences, int heads)
    {
        Tensor padded = rows;
        int width = sequences.MaxLength;
        if (!sequences.IsFull)
            padded = zeros([(long)sequences.Count * width, rows.size(1)], dtype: rows.dtype, device: rows.device).index_copy(0, Places(sequences, rows.device), rows);
        return padded.view(sequences.Count, width, heads, -1).transpose(1, 2);
    }

    /// <summary>(B, H, T, D) → (N, H·D).</summary>
    private static Tensor Gather(Tensor spread, PackedSequences sequences)
    {
        Tensor padded = spread.transpose(1, 2).reshape((long)sequences.Count * sequences.MaxLength, -1);
        return sequences.IsFull ? padded : padded.index_select(0, Places(sequences, spread.device));
    }

    private static Tensor Places(PackedSequences sequences, Device device)
    {
        long[] places = new long[sequences.Rows];
        for (int b = 0; b < sequences.Count; b++)
        {
            for (int t = 0; t < sequences.Lengths[b]; t++) places[sequences.Starts[b] + t] = (long)b * sequences.MaxLength + t;
        }
        return tensor(places, device: device);
    }
}

// Of one sequence: T queries, S keys; the queries are the last T of S positions
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Which keys a query sees: for each query one interval of its sequence's keys. That covers bidirectional, causal, prefix and sliding-window attention;
/// padding and documents packed into one context are a matter of <see cref="PackedSequences"/>. No matrix of T × S is made where a kernel can do without.
/// </summary>
public sealed class AttentionMask
{
    private readonly bool _causal;
    private readonly int _left, _right;          // keys before and after a query's own position; int.MaxValue for all
    private readonly IReadOnlyList<int>? _prefixes;

    private AttentionMask(bool causal, int left, int right, IReadOnlyList<int>? prefixes = null) =>
        (_causal, _left, _right, _prefixes) = (causal, left, right, prefixes);

    /// <summary>Every query sees every key of its sequence.</summary>
    public static AttentionMask None { get; } = new(false, int.MaxValue, int.MaxValue);

    /// <summary>A query sees its own position and those before.</summary>
    public static AttentionMask Causal { get; } = new(true, int.MaxValue, 0);

    /// <summary>A query sees so many positions to either side (Beltagy et al. 2020, section 3.1).</summary>
    /// <param name="left">Positions before its own.</param>
    /// <param name="right">Positions after its own.</param>
    public static AttentionMask Window(int left, int right)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(left);
        ArgumentOutOfRangeException.ThrowIfNegative(right);
        return new(right == 0, left, right);
    }

    /// <summary>Causal, over at most so many positions, its own included (Jiang et al. 2023, section 2).</summary>
    /// <param name="size">The positions, at least 1.</param>
    public static AttentionMask CausalWindow(int size)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size);
        return new(true, size - 1, 0);
    }

    /// <summary>Causal, but the first positions see each other (Dong et al. 2019, section 3.2; Raffel et al. 2020, section 3.2.1).</summary>
    /// <param name="lengths">The length of each sequence's prefix.</param>
    public static AttentionMask Prefix(IReadOnlyList<int> lengths)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        return new(true, int.MaxValue, 0, lengths);
    }

    /// <summary>Whether no query sees a later position.</summary>
    public bool IsCausal => _causal && _prefixes is null;

    /// <summary>Whether each query sees all keys.</summary>
    public bool IsNone => !_causal && _left == int.MaxValue && _right == int.MaxValue;

    /// <summary>Whether sequences of one length have one mask.</summary>
    internal bool IsUniform => _prefixes is null;

    /// <summary>The keys that each query of a sequence sees: the first, and the one after the last.</summary>
    /// <param name="sequence">The sequence's number in its batch.</param>
    /// <param name="queries">T.</param>
    /// <param name="keys">S.</param>
    public (int First, int End)[] Intervals(int sequence, int queries, int keys)
    {
        var intervals = new (int, int)[queries];
        int prefix = _prefixes?[sequence] ?? 0, offset = IsNone ? 0 : keys - queries;
        for (int t = 0; t < queries; t++)
        {
            long position = offset + t;
            int first = (int)Math.Clamp(position - _left, 0, keys), end = (int)Math.Clamp(position + _right + 1L, 0, keys);
            intervals[t] = (first, Math.Max(end, Math.Min(prefix, keys)));
        }
        return intervals;
    }

    /// <summary>The mask as a matrix, for operators that need one: true where a query sees a key.</summary>
    /// <param name="queries">The sequences of the queries.</param>
    /// <param name="keys">The sequences of the keys.</param>
    /// <param name="device">Where it is to lie.</param>
    /// <returns>(B, 1, T, S) of Booleans over the longest sequences, each at the left.</returns>
    internal Tensor ToTensor(PackedSequences queries, PackedSequences keys, Device device)
    {
        int height = queries.MaxLength, width = keys.MaxLength;
        bool[] seen = new bool[(long)queries.Count * height * width];
        for (int b = 0; b < queries.Count; b++)
        {
            (int First, int End)[] intervals = Intervals(b, queries.Lengths[b], keys.Lengths[b]);
            for (int t = 0; t < intervals.Length; t++)
                seen.AsSpan(checked((b * height + t) * width) + intervals[t].First, Math.Max(0, intervals[t].End - intervals[t].First)).Fill(true);
        }
        return tensor(seen, [queries.Count, 1, height, width], device: device);
    }
}

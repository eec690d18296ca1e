// B sequences, T tokens of the longest, N rows: the tokens of all sequences one after another
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Where the sequences of a batch lie among its rows. Models compute on rows of tokens, without padding: a padded batch is packed at the entry and
/// spread out at the exit, so that a token that is not there costs nothing (Zeng et al. 2023, "ByteTransformer", section III-B). Documents that share
/// a context are sequences of their own.
/// </summary>
public sealed class PackedSequences
{
    private readonly int[] _starts, _lengths;
    private readonly long[]? _places;   // of each row in the padded batch (B·T); null if there is no padding

    private PackedSequences(int[] lengths, int width, long[]? places)
    {
        _lengths = lengths;
        _starts = new int[lengths.Length];
        for (int i = 1; i < lengths.Length; i++) _starts[i] = _starts[i - 1] + lengths[i - 1];
        Rows = lengths.Sum(length => (long)length);
        MaxLength = lengths.DefaultIfEmpty(0).Max();
        Width = width;
        _places = places;
    }

    /// <summary>B.</summary>
    public int Count => _lengths.Length;

    /// <summary>N.</summary>
    public long Rows { get; }

    /// <summary>The length of the longest sequence.</summary>
    public int MaxLength { get; }

    /// <summary>T: the columns of the padded batch.</summary>
    public int Width { get; }

    /// <summary>Whether every sequence fills its row of the batch.</summary>
    public bool IsFull => _places is null;

    /// <summary>The first row of each sequence.</summary>
    public ReadOnlySpan<int> Starts => _starts;

    /// <summary>The rows of each sequence.</summary>
    public ReadOnlySpan<int> Lengths => _lengths;

    /// <summary>Sequences of one length.</summary>
    /// <param name="count">B.</param>
    /// <param name="length">T.</param>
    public static PackedSequences Full(long count, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(count);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(length);
        return new(Enumerable.Repeat(checked((int)length), checked((int)count)).ToArray(), (int)length, null);
    }

    /// <summary>Sequences of these lengths, each at the left of a batch as wide as the longest.</summary>
    /// <param name="lengths">The lengths, at least one of which is positive.</param>
    public static PackedSequences OfLengths(IReadOnlyList<int> lengths)
    {
        ArgumentNullException.ThrowIfNull(lengths);
        int width = lengths.DefaultIfEmpty(0).Max();
        if (width <= 0 || lengths.Min() < 0) throw new ArgumentException($"The lengths ({string.Join(", ", lengths)}) must not be negative, and one must be positive.", nameof(lengths));
        if (lengths.All(length => length == width)) return Full(lengths.Count, width);
        long[] places = [.. lengths.SelectMany((length, b) => Enumerable.Range(0, length).Select(t => (long)b * width + t))];
        return new([.. lengths], width, places);
    }

    /// <summary>The tokens that a mask keeps, wherever they stand.</summary>
    /// <param name="mask">(B, T): 0 or false where there is no token; null for all.</param>
    /// <param name="ids">(B, T), for the shape.</param>
    /// <exception cref="ArgumentException">The shapes differ, or the mask keeps nothing.</exception>
    public static PackedSequences OfMask(Tensor? mask, Tensor ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        if (ids.ndim < 2) throw new ArgumentException($"ids must be (B, T), not ({string.Join(", ", ids.shape)}).", nameof(ids));
        var (batch, width) = (ids.size(0), ids.size(1));
        if (mask is null) return Full(batch, width);
        if (mask.ndim != 2 || mask.size(0) != batch || mask.size(1) != width)
            throw new ArgumentException($"The attention mask ({string.Join(", ", mask.shape)}) must have the shape of the ids ({batch}, {width}).", nameof(mask));
        using Tensor cpu = mask.detach().to(ScalarType.Float32).cpu().contiguous();
        float[] keep = cpu.data<float>().ToArray();
        var places = new List<long>(keep.Length);
        var lengths = new int[batch];
        for (int i = 0; i < keep.Length; i++)
        {
            if (keep[i] == 0) continue;
            places.Add(i);
            lengths[i / width]++;
        }
        if (places.Count == 0) throw new ArgumentException("The attention mask keeps no token.", nameof(mask));
        return places.Count == keep.Length ? Full(batch, width) : new(lengths, (int)width, [.. places]);
    }

    /// <summary>(B, T, …) → (N, …): the tokens that are there.</summary>
    public Tensor Pack(Tensor padded)
    {
        ArgumentNullException.ThrowIfNull(padded);
        if (padded.ndim < 2 || padded.size(0) != Count || padded.size(1) != Width)
            throw new ArgumentException($"The batch ({string.Join(", ", padded.shape)}) must begin with ({Count}, {Width}).", nameof(padded));
        using DisposeScope scope = NewDisposeScope();
        Tensor flat = padded.flatten(0, 1);
        return scope.MoveToOuter(_places is null ? flat : flat.index_select(0, Index(padded.device)));
    }

    /// <summary>(N, …) → (B, T, …), with zeros where there is no token.</summary>
    public Tensor Unpack(Tensor rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        if (rows.ndim < 1 || rows.size(0) != Rows) throw new ArgumentException($"The rows ({string.Join(", ", rows.shape)}) must be {Rows}.", nameof(rows));
        using DisposeScope scope = NewDisposeScope();
        long[] inner = rows.shape[1..];
        Tensor flat = rows;
        if (_places is not null)
            flat = zeros([(long)Count * Width, .. inner], dtype: rows.dtype, device: rows.device).index_copy(0, Index(rows.device), rows);
        return scope.MoveToOuter(flat.view([Count, Width, .. inner]));
    }

    /// <summary>The row of each sequence's first token, (B).</summary>
    /// <exception cref="InvalidOperationException">A sequence is empty.</exception>
    public Tensor FirstRows(Device device) => tensor(Ends(0), device: device);

    /// <summary>The row of each sequence's last token, (B).</summary>
    /// <exception cref="InvalidOperationException">A sequence is empty.</exception>
    public Tensor LastRows(Device device) => tensor(Ends(1), device: device);

    /// <summary>Each row's column in the padded batch, (N).</summary>
    public Tensor Columns(Device device)
    {
        long[] columns = new long[Rows];
        for (long r = 0; r < columns.Length; r++) columns[r] = (_places is null ? r : _places[r]) % Width;
        return tensor(columns, device: device);
    }

    /// <summary>Each row's place within its sequence, (N).</summary>
    public Tensor Positions(Device device)
    {
        long[] positions = new long[Rows];
        for (int b = 0; b < Count; b++)
        {
            for (int t = 0; t < _lengths[b]; t++) positions[_starts[b] + t] = t;
        }
        return tensor(positions, device: device);
    }

    /// <summary>(B, T) of Booleans: where there is a token.</summary>
    public Tensor Mask(Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(Unpack(ones([Rows], dtype: ScalarType.Bool, device: device)));
    }

    private long[] Ends(int last)
    {
        long[] rows = new long[Count];
        for (int b = 0; b < Count; b++)
        {
            if (_lengths[b] == 0) throw new InvalidOperationException($"Sequence {b} has no token.");
            rows[b] = _starts[b] + last * (_lengths[b] - 1);
        }
        return rows;
    }

    /// <summary>The places of the rows in the padded batch.</summary>
    private Tensor Index(Device device) => tensor(_places!, device: device);
}

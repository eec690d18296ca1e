// B batch, H heads, T tokens, D width of a head
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The keys and values of the tokens that a decoder has seen, so that each further token costs one column of attention. Memory for the
/// whole capacity is taken at once.
/// </summary>
public sealed class KeyValueCache : IDisposable
{
    private readonly Tensor[] _keys;     // per layer (B, H, capacity, D)
    private readonly Tensor[] _values;
    private readonly int _room;
    private int[]? _empty;               // places before each sequence's first token
    private int _kept;                   // columns before all others, which are the model's own

    /// <summary>Creates an empty cache.</summary>
    /// <param name="layers">The decoder's layers.</param>
    /// <param name="batch">B.</param>
    /// <param name="heads">H.</param>
    /// <param name="headDim">D.</param>
    /// <param name="capacity">The most tokens that it is to hold.</param>
    /// <param name="dtype">The type of keys and values.</param>
    /// <param name="device">Where they are to lie.</param>
    /// <param name="source">What the decoder remembers of a source, for models that have one; the cache disposes it.</param>
    /// <exception cref="ArgumentException">The source is that of another batch.</exception>
    public KeyValueCache(int layers, long batch, int heads, int headDim, int capacity, ScalarType dtype, Device device, SourceMemory? source = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(batch);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(capacity);
        if (source is not null && source.Count != batch) throw new ArgumentException($"The source has {source.Count} sequences, and the cache {batch}.", nameof(source));
        _room = capacity;
        Source = source;
        _keys = Create();
        _values = Create();

        Tensor[] Create() => Enumerable.Range(0, layers)
            .Select(_ => zeros([batch, heads, capacity, headDim], dtype: dtype, device: device).DetachFromDisposeScope()).ToArray();
    }

    /// <summary>The tokens held.</summary>
    public int Length { get; private set; }

    /// <summary>The most tokens that it can hold.</summary>
    public int Capacity => _room - _kept;

    /// <summary>What the decoder remembers of the source; null where there is none.</summary>
    public SourceMemory? Source { get; }

    /// <summary>How many places before each sequence's first token are empty, (B); null where none are.</summary>
    public IReadOnlyList<int>? EmptyPlaces => _empty;

    /// <summary>
    /// Leaves places empty at the left, so that sequences of different lengths end together: what is put there fills up and is no token. Its columns are seen by no
    /// other, and positions are counted from behind it.
    /// </summary>
    /// <param name="places">For each sequence how many, (B).</param>
    /// <exception cref="InvalidOperationException">The cache already holds tokens.</exception>
    public void LeaveEmpty(IReadOnlyList<int> places)
    {
        ArgumentNullException.ThrowIfNull(places);
        if (Length > 0) throw new InvalidOperationException($"The cache holds {Length} tokens; places can be left empty before the first one only.");
        if (places.Count != _keys[0].size(0) || places.Any(count => count < 0))
            throw new ArgumentException($"The empty places ({string.Join(", ", places)}) must be {_keys[0].size(0)} numbers from 0.", nameof(places));
        _empty = places.All(count => count == 0) ? null : [.. places];
    }

    /// <summary>Puts a layer's new keys and values behind the held ones; <see cref="Advance"/> follows once all layers have done so.</summary>
    /// <param name="layer">The layer's number.</param>
    /// <param name="keys">(B, H, T, D).</param>
    /// <param name="values">(B, H, T, D).</param>
    /// <returns>All keys and values up to the new ones, (B, H, Length + T, D), those of virtual tokens first; views of the cache.</returns>
    /// <exception cref="InvalidOperationException">The cache is full.</exception>
    public (Tensor Keys, Tensor Values) Append(int layer, Tensor keys, Tensor values)
    {
        long added = keys.size(2);
        if (Length + added > Capacity)
            throw new InvalidOperationException($"The cache holds {Length} of {Capacity} tokens and cannot take {added} more. Create it with a larger capacity, or clear it.");
        _keys[layer].narrow(2, _kept + Length, added).copy_(keys);
        _values[layer].narrow(2, _kept + Length, added).copy_(values);
        return (_keys[layer].narrow(2, 0, _kept + Length + added), _values[layer].narrow(2, 0, _kept + Length + added));
    }

    /// <summary>Counts tokens that every layer has appended.</summary>
    public void Advance(int tokens) => Length += tokens;

    /// <summary>The position of the token that follows where no place is empty: the tokens held, virtual ones included.</summary>
    internal int NextPosition => _kept + Length;

    /// <summary>Makes what the cache holds a model's virtual tokens, which stay before all that follows, also when it is cleared, and are not counted.</summary>
    internal void Keep() => (_kept, Length) = (_kept + Length, 0);

    /// <summary>Takes other sequences in the place of these, with their sources, as beams do that go on from the best ones.</summary>
    /// <param name="rows">For each sequence the one that it goes on from, (B) of 64-bit integers.</param>
    public void Reorder(Tensor rows)
    {
        if (_empty is { } empty)
        {
            using Tensor order = rows.cpu();
            _empty = [.. order.data<long>().ToArray().Select(row => empty[row])];
        }
        foreach (Tensor[] all in new[] { _keys, _values })
        {
            foreach (Tensor held in all)
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor used = held.narrow(2, 0, _kept + Length);
                used.copy_(used.index_select(0, rows));
            }
        }
        Source?.Reorder(rows);
    }

    /// <summary>The positions of tokens that follow those held, (B·T); those of empty places are 0.</summary>
    /// <param name="length">T.</param>
    internal Tensor Positions(long length)
    {
        long batch = _keys[0].size(0);
        long[] positions = new long[batch * length];
        for (long i = 0; i < positions.Length; i++) positions[i] = _kept + Math.Max(0, Length + i % length - (_empty?[i / length] ?? 0));
        return tensor(positions, device: _keys[0].device);
    }

    /// <summary>Where an empty place would be seen, (B, 1, T, S) of Booleans; null where none is empty. A place sees itself, so that no softmax is over nothing.</summary>
    /// <param name="length">T, the tokens that follow those held.</param>
    internal Tensor? Hidden(long length)
    {
        if (_empty is null) return null;
        using DisposeScope scope = NewDisposeScope();
        Device device = _keys[0].device;
        long all = _kept + Length + length;
        Tensor columns = arange(all, dtype: ScalarType.Int64, device: device), rows = arange(all - length, all, dtype: ScalarType.Int64, device: device).unsqueeze(1);
        Tensor first = tensor(Array.ConvertAll(_empty, count => (long)_kept + count), [_empty.Length, 1, 1, 1], device: device);
        Tensor isEmpty = columns.ge(_kept).logical_and(columns.lt(first));                    // (B, 1, 1, S)
        return scope.MoveToOuter(isEmpty.logical_and(columns.ne(rows)));                      // (B, 1, T, S)
    }

    /// <summary>Forgets all tokens but virtual ones, and empty places, and keeps the memory and the source.</summary>
    public void Clear()
    {
        Length = 0;
        _empty = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor t in _keys) t.Dispose();
        foreach (Tensor t in _values) t.Dispose();
        Source?.Dispose();
    }
}

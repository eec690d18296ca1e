// B sequences, S tokens of the longest source, G key-value heads, D width of a head, M rows of the sources
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>What a decoder remembers of the sources that an encoder read: the keys and values of each layer's cross attention, computed once.</summary>
public sealed class SourceMemory : IDisposable
{
    private readonly Tensor[] _keys, _values;   // per layer (B, G, S, D)
    private readonly Tensor? _seen;             // (B, 1, 1, S) of Booleans; null where all tokens are there

    /// <summary>Copies the keys and values of all layers.</summary>
    /// <param name="sequences">The sequences of the rows.</param>
    /// <param name="headDim">D.</param>
    /// <param name="layers">Each layer's keys and values, (M, G·D).</param>
    public SourceMemory(PackedSequences sequences, int headDim, IReadOnlyList<(Tensor Keys, Tensor Values)> layers)
    {
        ArgumentNullException.ThrowIfNull(sequences);
        ArgumentNullException.ThrowIfNull(layers);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(headDim);
        ArgumentOutOfRangeException.ThrowIfZero(layers.Count);
        Count = sequences.Count;
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        _keys = [.. layers.Select(layer => Spread(layer.Keys))];
        _values = [.. layers.Select(layer => Spread(layer.Values))];
        if (!sequences.IsFull) _seen = sequences.Mask(_keys[0].device).view(Count, 1, 1, -1).DetachFromDisposeScope();

        Tensor Spread(Tensor rows) =>
            sequences.Unpack(rows).view(Count, sequences.Width, -1, headDim).transpose(1, 2).contiguous().clone().DetachFromDisposeScope();
    }

    /// <summary>B.</summary>
    public int Count { get; }

    /// <summary>Where there is a token, (B, 1, 1, S) of Booleans; null where all are. Belongs to the memory.</summary>
    public Tensor? Seen => _seen;

    /// <summary>A layer's keys and values, (B, G, S, D), with zeros where there is no token. They belong to the memory.</summary>
    public (Tensor Keys, Tensor Values) this[int layer] => (_keys[layer], _values[layer]);

    /// <summary>Takes other sources in the place of these.</summary>
    /// <param name="rows">For each sequence the one whose source it takes, (B) of 64-bit integers.</param>
    public void Reorder(Tensor rows)
    {
        foreach (Tensor held in _keys.Concat(_values).Concat(_seen is null ? [] : [_seen]))
        {
            using Tensor chosen = held.index_select(0, rows);
            held.copy_(chosen);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Tensor t in _keys.Concat(_values)) t.Dispose();
        _seen?.Dispose();
    }
}

namespace PreTrain.Data;

/// <summary>Visits every item once in each epoch, in a pseudo-random order that needs no memory.</summary>
internal sealed class ItemSampler
{
    private const ulong OrderPurpose = 7;

    private readonly long _count;
    private IndexPermutation _order;
    private SamplerState _state;

    /// <param name="count">The items, at least one.</param>
    /// <param name="seed">What the order follows from.</param>
    internal ItemSampler(long count, ulong seed)
    {
        _count = count;
        State = new SamplerState(seed, 0, 0);
    }

    /// <summary>Where the sampler stands.</summary>
    /// <exception cref="ArgumentException">The state belongs to other data.</exception>
    internal SamplerState State
    {
        get => _state;
        set
        {
            if (value.Epoch < 0 || value.Position < 0 || value.Position >= _count)
                throw new ArgumentException($"Position ({value.Position}) of epoch {value.Epoch} must be at least 0 and less than the {_count} items. Use a state of the same data.", nameof(value));
            _state = value;
            _order = new IndexPermutation(_count, SplitMix.Mix(value.Seed, (ulong)value.Epoch, OrderPurpose));
        }
    }

    /// <summary>Draws the next item.</summary>
    internal long Next()
    {
        long item = _order[_state.Position];
        if (_state.Position + 1 < _count) _state = _state with { Position = _state.Position + 1 };
        else State = new SamplerState(_state.Seed, _state.Epoch + 1, 0);
        return item;
    }
}

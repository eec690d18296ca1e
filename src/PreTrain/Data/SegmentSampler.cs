namespace PreTrain.Data;

/// <summary>Visits every segment once in each epoch, in a pseudo-random order that needs no memory.</summary>
internal sealed class SegmentSampler
{
    private const ulong OrderPurpose = 5;

    private readonly SegmentIndex _segments;
    private IndexPermutation _order;
    private SamplerState _state;

    internal SegmentSampler(SegmentIndex segments, ulong seed)
    {
        if (segments.Count == 0) throw new CorpusException($"The token store '{segments.Range.Store.Folder}' holds no segment of two tokens to train on. Use more text.", segments.Range.Store.Folder);
        _segments = segments;
        State = new SamplerState(seed, 0, 0);
    }

    /// <summary>Where the sampler stands.</summary>
    /// <exception cref="ArgumentException">The state belongs to other data.</exception>
    internal SamplerState State
    {
        get => _state;
        set
        {
            if (value.Epoch < 0 || value.Position < 0 || value.Position >= _segments.Count)
                throw new ArgumentException($"Position ({value.Position}) of epoch {value.Epoch} must be at least 0 and less than the {_segments.Count} segments. Use a state of the same tokens.", nameof(value));
            _state = value;
            _order = new IndexPermutation(_segments.Count, SplitMix.Mix(value.Seed, (ulong)value.Epoch, OrderPurpose));
        }
    }

    /// <summary>Draws the next segment.</summary>
    internal long Next()
    {
        long segment = _order[_state.Position];
        if (_state.Position + 1 < _segments.Count) _state = _state with { Position = _state.Position + 1 };
        else State = new SamplerState(_state.Seed, _state.Epoch + 1, 0);
        return segment;
    }
}

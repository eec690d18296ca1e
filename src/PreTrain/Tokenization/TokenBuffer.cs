namespace PreTrain.Tokenization;

/// <summary>
/// Tokens as a model finds them: ids, and for each its place in the piece in UTF-16 code units. It is used again for many pieces, by one
/// thread at a time; with it the models keep the words that they met, so a buffer that is kept is a fast one.
/// </summary>
internal sealed class TokenBuffer
{
    private int[] _ids = new int[64];
    private int[] _starts = new int[64];
    private int[] _ends = new int[64];
    private WordCache? _cache;

    /// <summary>The number of tokens.</summary>
    public int Count { get; private set; }

    /// <summary>The ids.</summary>
    public ReadOnlySpan<int> Ids => _ids.AsSpan(0, Count);

    /// <summary>Where each token starts.</summary>
    public ReadOnlySpan<int> Starts => _starts.AsSpan(0, Count);

    /// <summary>Where each token ends, exclusive.</summary>
    public ReadOnlySpan<int> Ends => _ends.AsSpan(0, Count);

    /// <summary>Appends a token.</summary>
    public void Add(int id, int start, int end)
    {
        if (Count == _ids.Length)
        {
            Array.Resize(ref _ids, 2 * Count);
            Array.Resize(ref _starts, 2 * Count);
            Array.Resize(ref _ends, 2 * Count);
        }
        (_ids[Count], _starts[Count], _ends[Count]) = (id, start, end);
        Count++;
    }

    /// <summary>Removes all tokens.</summary>
    public void Clear() => Count = 0;

    /// <summary>Removes the tokens from this number on.</summary>
    public void Truncate(int count) => Count = Math.Min(Count, count);

    /// <summary>The words that a model met with this buffer.</summary>
    public WordCache CacheOf(ITokenModel model)
    {
        if (_cache is null || !ReferenceEquals(_cache.Owner, model))
            _cache = new WordCache(model);
        return _cache;
    }
}

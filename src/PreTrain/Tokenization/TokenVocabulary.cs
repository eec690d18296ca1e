namespace PreTrain.Tokenization;

/// <summary>Tokens and their ids, all different; ids may have gaps. Immutable.</summary>
internal sealed class TokenVocabulary
{
    private readonly string?[] _tokens;
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _spans;

    /// <exception cref="ArgumentException">An id is out of range, or belongs to two tokens.</exception>
    public TokenVocabulary(IEnumerable<KeyValuePair<string, int>> vocabulary)
    {
        _ids = new Dictionary<string, int>(vocabulary, StringComparer.Ordinal);
        _spans = _ids.GetAlternateLookup<ReadOnlySpan<char>>();
        int largest = -1;
        foreach ((string token, int id) in _ids)
        {
            if (id is < 0 or > Json.TokenizerFile.LargestId)
                throw new ArgumentException($"The id of token '{token}' ({id}) must be from 0 to {Json.TokenizerFile.LargestId}.", nameof(vocabulary));
            largest = Math.Max(largest, id);
        }

        _tokens = new string?[largest + 1];
        foreach ((string token, int id) in _ids)
        {
            if (_tokens[id] is { } other)
                throw new ArgumentException($"The id {id} belongs to two tokens, '{other}' and '{token}'; ids must be different.", nameof(vocabulary));
            _tokens[id] = token;
        }
    }

    /// <summary>The highest id plus one.</summary>
    public int Size => _tokens.Length;

    /// <summary>The number of tokens.</summary>
    public int Count => _ids.Count;

    /// <summary>The tokens in the order of their ids.</summary>
    public IEnumerable<KeyValuePair<string, int>> InOrder
    {
        get
        {
            for (int id = 0; id < _tokens.Length; id++)
            {
                if (_tokens[id] is { } token)
                    yield return new(token, id);
            }
        }
    }

    /// <summary>A vocabulary of tokens whose ids are their places.</summary>
    public static TokenVocabulary FromList(IEnumerable<string> tokens) => new(tokens.Select((token, id) => KeyValuePair.Create(token, id)));

    /// <summary>The token with this id; <see langword="null"/> if there is none.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>The id of a token; <see langword="null"/> if there is none.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>The id of a token.</summary>
    public bool TryFind(ReadOnlySpan<char> token, out int id) => _spans.TryGetValue(token, out id);
}

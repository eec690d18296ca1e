using System.Runtime.InteropServices;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>What a byte-level BPE vocabulary is: its tokens, its merges, its added tokens. Immutable.</summary>
internal sealed class BytePairModel
{
    private readonly string?[] _tokens;   // by id; a vocabulary may have gaps
    private readonly Dictionary<string, int> _ids;
    private readonly Dictionary<int, AddedToken> _addedById;
    private readonly byte[] _bytes;       // of all tokens, one after another
    private readonly int[] _ends;

    /// <param name="vocabulary">The tokens of the vocabulary with their ids, all different.</param>
    /// <param name="merges">The merges in the order of their rank.</param>
    /// <param name="addedTokens">The added tokens, in the vocabulary or beyond it.</param>
    public BytePairModel(IReadOnlyDictionary<string, int> vocabulary, IReadOnlyList<Merge> merges, IReadOnlyList<AddedToken> addedTokens)
    {
        Vocabulary = [.. vocabulary.OrderBy(entry => entry.Value)];
        // Only the last of two merges of one pair counts; saying so once keeps the saved file free of the others.
        var seen = new HashSet<(int, int)>();
        var kept = new List<Merge>(merges.Count);
        for (int i = merges.Count - 1; i >= 0; i--)
        {
            if (seen.Add((merges[i].Left, merges[i].Right)))
                kept.Add(merges[i]);
        }

        kept.Reverse();
        MergeList = kept;
        Merges = new MergeTable(CollectionsMarshal.AsSpan(kept));

        AddedTokens = [.. addedTokens.OrderBy(token => token.Id)];
        _addedById = AddedTokens.ToDictionary(token => token.Id);
        _ids = new Dictionary<string, int>(vocabulary, StringComparer.Ordinal);
        foreach (AddedToken token in AddedTokens)
            _ids[token.Content] = token.Id;
        _tokens = new string?[_ids.Values.Max() + 1];
        foreach ((string token, int id) in _ids)
            _tokens[id] = token;

        var bytes = new MemoryStream();
        _ends = new int[_tokens.Length];
        for (int id = 0; id < _tokens.Length; id++)
        {
            // An added token is text as it stands, while the others spell bytes.
            if (_tokens[id] is { } token)
                bytes.Write(_addedById.ContainsKey(id) ? Encoding.UTF8.GetBytes(token) : ByteAlphabet.Unspell(token));
            _ends[id] = checked((int)bytes.Length);
        }

        _bytes = bytes.ToArray();
        for (int b = 0; b < 256; b++)
            ByteIds[b] = vocabulary[ByteAlphabet.ToChar((byte)b).ToString()];
    }

    /// <summary>The tokens of the vocabulary in the order of their ids.</summary>
    public IReadOnlyList<KeyValuePair<string, int>> Vocabulary { get; }

    /// <summary>The merges in the order of their rank, no pair twice.</summary>
    public IReadOnlyList<Merge> MergeList { get; }

    /// <summary>The same, for look-ups.</summary>
    public MergeTable Merges { get; }

    /// <summary>The added tokens in the order of their ids.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; }

    /// <summary>The id of each single byte.</summary>
    public int[] ByteIds { get; } = new int[256];

    /// <summary>Whether a blank is put before a text that does not begin with one.</summary>
    public bool AddPrefixSpace { get; init; }

    /// <summary>Whether a word that is a token as a whole is taken as that, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The token for what the vocabulary does not hold. Never produced, since all bytes are in it, but kept for the file.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>The token that ends a document.</summary>
    public string? EndOfText { get; init; }

    /// <summary>The highest id plus one.</summary>
    public int Size => _tokens.Length;

    /// <summary>The token with this id as the vocabulary spells it.</summary>
    public string? TokenOf(int id) => (uint)id < (uint)_tokens.Length ? _tokens[id] : null;

    /// <summary>The id of a token.</summary>
    public int? IdOf(string token) => _ids.TryGetValue(token, out int id) ? id : null;

    /// <summary>The added token with this id.</summary>
    public AddedToken? AddedTokenOf(int id) => _addedById.GetValueOrDefault(id);

    /// <summary>The bytes of a token; empty if no token has this id.</summary>
    public ReadOnlySpan<byte> BytesOf(int id)
    {
        int start = id == 0 ? 0 : _ends[id - 1];
        return _bytes.AsSpan(start, _ends[id] - start);
    }

    /// <summary>The id of a word that is a token as a whole.</summary>
    public bool TryFindWord(ReadOnlySpan<char> word, out int id) =>
        _ids.TryGetValue(ByteAlphabet.Spell(Encoding.UTF8.GetBytes(word.ToArray())), out id) && !_addedById.ContainsKey(id);
}

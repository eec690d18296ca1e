using System.Buffers;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// WordPiece (Schuster and Nakajima 2012, as in BERT): a word is cut from the left into the longest tokens; those after the first are spelled
/// with a prefix. A word that cannot be cut so, or is too long, is unknown. Linear in the word's length.
/// </summary>
internal sealed class WordPieceModel : ITokenModel
{
    private readonly TokenTrie _trie;
    private readonly int _continuing;   // the node of the prefix; −1 if no token has it
    private readonly int? _unknownId;

    public WordPieceModel(TokenVocabulary vocabulary, string unknownToken = "[UNK]", string continuingPrefix = "##", int maxCharactersPerWord = 100)
    {
        Vocabulary = vocabulary;
        UnknownToken = unknownToken;
        ContinuingPrefix = continuingPrefix;
        MaxCharactersPerWord = maxCharactersPerWord;
        _trie = new TokenTrie(vocabulary.InOrder);
        _continuing = _trie.Find(Encoding.UTF8.GetBytes(continuingPrefix));
        _unknownId = vocabulary.IdOf(unknownToken);
    }

    public TokenVocabulary Vocabulary { get; }

    /// <summary>The token of a word that cannot be cut.</summary>
    public string UnknownToken { get; }

    /// <summary>How tokens inside a word begin.</summary>
    public string ContinuingPrefix { get; }

    /// <summary>Longer words, in code points, are unknown.</summary>
    public int MaxCharactersPerWord { get; }

    /// <inheritdoc/>
    public int Size => Vocabulary.Size;

    /// <inheritdoc/>
    public string? TokenOf(int id) => Vocabulary.TokenOf(id);

    /// <inheritdoc/>
    public int? IdOf(string token) => Vocabulary.IdOf(token);

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        if (piece.IsEmpty)
            return;
        if (piece.Length > WordCache.LongestWord)
        {
            Cut(piece, output);
            return;
        }

        WordCache cache = output.CacheOf(this);
        if (cache.TryGet(piece, output))
            return;
        int before = output.Count;
        Cut(piece, output);
        cache.Keep(piece, output, before);
    }

    private void Cut(ReadOnlySpan<char> word, TokenBuffer output)
    {
        byte[]? rented = word.Length > 256 ? ArrayPool<byte>.Shared.Rent(Encoding.UTF8.GetByteCount(word)) : null;
        Span<byte> room = rented ?? stackalloc byte[3 * 256];
        ReadOnlySpan<byte> bytes = room[..Encoding.UTF8.GetBytes(word, room)];
        int before = output.Count;
        if (CountCharacters(bytes) > MaxCharactersPerWord || !TryCut(bytes, word.Length, output))
        {
            output.Truncate(before);
            output.Add(
                _unknownId ?? throw new InvalidOperationException($"A word is not in the vocabulary, and neither is the unknown token '{UnknownToken}'; add it to the vocabulary."),
                0,
                word.Length);
        }

        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
    }

    private bool TryCut(ReadOnlySpan<byte> bytes, int length, TokenBuffer output)
    {
        var places = new PlaceReader(bytes, length);
        for (int at = 0, end = 0; at < bytes.Length; at = end)
        {
            int node = at == 0 ? TokenTrie.Root : _continuing;
            int id = -1;
            for (int i = at; i < bytes.Length && node >= 0; i++)
            {
                node = _trie.Next(node, bytes[i]);
                if (node >= 0 && _trie.IdAt(node) is var found and >= 0)
                    (id, end) = (found, i + 1);
            }

            if (id < 0)
                return false;
            output.Add(id, places.StartOf(at), places.EndOf(end));
        }

        return true;
    }

    private static int CountCharacters(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        foreach (byte b in bytes)
            count += (b & 0xC0) != 0x80 ? 1 : 0;
        return count;
    }
}

using System.Text;

namespace PreTrain.Tokenization;

/// <summary>The tokens of single characters, by their place in a word: alone, first, inside, or last.</summary>
internal sealed class BpeAlphabet
{
    /// <summary>The id of a character that the vocabulary lacks.</summary>
    public const int Missing = -1;

    private const int PageBits = 8;
    private readonly int[]?[][] _pages;   // by kind of place, then by the upper bits of the code point
    private readonly bool _sameInside;

    public BpeAlphabet(TokenVocabulary vocabulary, string prefix, string suffix)
    {
        _sameInside = prefix.Length == 0 && suffix.Length == 0;
        _pages = new int[]?[_sameInside ? 1 : 4][];
        for (int kind = 0; kind < _pages.Length; kind++)
        {
            _pages[kind] = new int[]?[0x110000 >> PageBits];
            (bool isFirst, bool isLast) = (kind is 0 or 1, kind is 0 or 3);
            for (int id = 0; id < vocabulary.Size; id++)
            {
                ReadOnlySpan<char> rest = vocabulary.CharsOf(id);
                if (!isFirst && !TryCut(ref rest, prefix, atEnd: false))
                    continue;
                if (isLast && !TryCut(ref rest, suffix, atEnd: true))
                    continue;
                if (rest.Length > 2)
                    continue;   // no single character
                if (Rune.DecodeFromUtf16(rest, out Rune rune, out int length) != System.Buffers.OperationStatus.Done || length != rest.Length)
                    continue;
                ref int[]? page = ref _pages[kind][rune.Value >> PageBits];
                if (page is null)
                {
                    page = new int[1 << PageBits];
                    Array.Fill(page, Missing);
                }

                page[rune.Value & ((1 << PageBits) - 1)] = id;
            }
        }
    }

    /// <summary>The id of a character at a place in its word, or <see cref="Missing"/>.</summary>
    public int Find(int codePoint, bool isFirst, bool isLast)
    {
        int kind = _sameInside ? 0 : (isFirst, isLast) switch
        {
            (true, true) => 0,
            (true, false) => 1,
            (false, false) => 2,
            (false, true) => 3,
        };
        return _pages[kind][codePoint >> PageBits] is { } page ? page[codePoint & ((1 << PageBits) - 1)] : Missing;
    }

    private static bool TryCut(ref ReadOnlySpan<char> token, string affix, bool atEnd)
    {
        if (atEnd ? !token.EndsWith(affix, StringComparison.Ordinal) : !token.StartsWith(affix, StringComparison.Ordinal))
            return false;
        token = atEnd ? token[..^affix.Length] : token[affix.Length..];
        return true;
    }
}

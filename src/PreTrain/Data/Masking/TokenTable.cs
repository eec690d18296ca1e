using PreTrain.Tokenization;

namespace PreTrain.Data.Masking;

/// <summary>
/// What each token of a vocabulary says about words and sentences, whatever kind of tokenizer it is: read once from the bytes that the token adds to a text. A word is a run of
/// letters and digits; punctuation marks are words of their own.
/// </summary>
internal sealed class TokenTable
{
    private readonly Kinds[] _kinds;

    internal TokenTable(TextTokenizer tokenizer)
    {
        _kinds = new Kinds[tokenizer.VocabSize];
        var ordinary = new List<int>();
        for (int id = 0; id < _kinds.Length; id++)
        {
            if (tokenizer.IdToToken(id) is null || tokenizer.IsSpecial(id))
            {
                _kinds[id] = Kinds.Special;
                continue;
            }
            ordinary.Add(id);
            _kinds[id] = KindsOf(tokenizer.GetTokenBytes(id, isFirst: false));
        }
        Ordinary = [.. ordinary];
        if (Ordinary.Length == 0) throw new ArgumentException("The tokenizer has special tokens only.", nameof(tokenizer));
    }

    [Flags]
    private enum Kinds : byte
    {
        None = 0,
        Special = 1,
        BeginsWord = 2,
        EndsWord = 4,
        BeginsBlank = 8,
        EndsSentence = 16,
        EndsLine = 32,
    }

    /// <summary>All tokens that are text.</summary>
    internal int[] Ordinary { get; }

    /// <summary>Whether a token marks structure, or an id stands for no token.</summary>
    internal bool IsSpecial(long id) => (_kinds[id] & Kinds.Special) != 0;

    /// <summary>Whether a word ends between two tokens.</summary>
    internal bool IsWordBoundary(long before, long after) => (_kinds[before] & (Kinds.EndsWord | Kinds.Special)) != 0 || (_kinds[after] & (Kinds.BeginsWord | Kinds.Special)) != 0;

    /// <summary>Whether a sentence or a line ends between two tokens.</summary>
    internal bool IsSentenceBoundary(long before, long after) =>
        (_kinds[before] & (Kinds.EndsLine | Kinds.Special)) != 0 || ((_kinds[before] & Kinds.EndsSentence) != 0 && (_kinds[after] & (Kinds.BeginsBlank | Kinds.Special)) != 0);

    private static Kinds KindsOf(ReadOnlySpan<byte> text)
    {
        if (text.IsEmpty) return Kinds.BeginsWord | Kinds.EndsWord;
        Kinds kinds = Kinds.None;
        if (!IsInWord(text[0])) kinds |= Kinds.BeginsWord;
        if (!IsInWord(text[^1])) kinds |= Kinds.EndsWord;
        if (IsBlank(text[0])) kinds |= Kinds.BeginsBlank;
        if (text.Contains((byte)'\n')) kinds |= Kinds.EndsLine;
        while (text.Length > 0 && IsBlank(text[^1])) text = text[..^1];
        if (text.Length > 0 && text[^1] is (byte)'.' or (byte)'!' or (byte)'?' || EndsWithFullStop(text)) kinds |= Kinds.EndsSentence;
        return kinds;
    }

    // Whatever is not ASCII counts as a letter: a token may hold a part of a character only.
    private static bool IsInWord(byte b) => b >= 0x80 || char.IsAsciiLetterOrDigit((char)b);

    private static bool IsBlank(byte b) => b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t';

    /// <summary>The full stops of Chinese and Japanese.</summary>
    private static bool EndsWithFullStop(ReadOnlySpan<byte> text) => text.EndsWith("。"u8) || text.EndsWith("！"u8) || text.EndsWith("？"u8);
}

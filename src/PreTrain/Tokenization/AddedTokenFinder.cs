using System.Buffers;
using System.Globalization;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>Finds added tokens in a text: the leftmost, and of those that begin at the same place the longest.</summary>
internal sealed class AddedTokenFinder
{
    private readonly SearchValues<string> _all;
    private readonly ILookup<char, AddedToken> _byFirst;   // longest first

    private AddedTokenFinder(IReadOnlyList<AddedToken> tokens)
    {
        _all = SearchValues.Create([.. tokens.Select(t => t.Content)], StringComparison.Ordinal);
        _byFirst = tokens.OrderByDescending(t => t.Content.Length).ToLookup(t => t.Content[0]);
    }

    /// <summary>A finder for the tokens; <see langword="null"/> if there are none.</summary>
    public static AddedTokenFinder? Create(IReadOnlyList<AddedToken> tokens) => tokens.Count == 0 ? null : new(tokens);

    /// <summary>Whether the text holds one of the tokens.</summary>
    public bool IsIn(ReadOnlySpan<char> text) => text.ContainsAny(_all);

    /// <summary>Cuts <paramref name="part"/> of the text into its added tokens and what lies between them.</summary>
    public void Split(ReadOnlySpan<char> text, TextPart part, List<TextPart> parts)
    {
        ReadOnlySpan<char> span = text[part.Start..part.End];
        int done = 0, from = 0;
        while (from < span.Length)
        {
            int at = span[from..].IndexOfAny(_all);
            if (at < 0)
                break;
            int start = from + at;
            AddedToken token = LongestAt(span[start..]);
            int end = from = start + token.Content.Length;
            if (token.SingleWord && (EndsWithWord(span[..start]) || StartsWithWord(span[end..])))
                continue;
            if (token.StripLeft)
                start = Math.Max(span[..start].TrimEnd().Length, done);   // never what the token before has taken
            if (token.StripRight)
                end = span.Length - span[end..].TrimStart().Length;
            if (done < start)
                parts.Add(new TextPart(part.Start + done, part.Start + start, null));
            parts.Add(new TextPart(part.Start + start, part.Start + end, token.Id));
            done = end;
        }

        if (done < span.Length)
            parts.Add(new TextPart(part.Start + done, part.End, null));
    }

    private AddedToken LongestAt(ReadOnlySpan<char> text)
    {
        foreach (AddedToken token in _byFirst[text[0]])
        {
            if (text.StartsWith(token.Content, StringComparison.Ordinal))
                return token;
        }

        throw new InvalidOperationException("A token was found that is not in the list.");
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeLastFromUtf16(text, out Rune last, out _) == OperationStatus.Done && IsWord(last);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        !text.IsEmpty && Rune.DecodeFromUtf16(text, out Rune first, out _) == OperationStatus.Done && IsWord(first);

    /// <summary>Unicode's word characters (UTS 18, annex C): alphabetic, marks, decimal digits, connectors, join controls.</summary>
    private static bool IsWord(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        <= UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.ConnectorPunctuation => true,
        UnicodeCategory.OtherSymbol => rune.Value is (>= 0x24B6 and <= 0x24E9) or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169)
            or (>= 0x1F170 and <= 0x1F189),
        _ => rune.Value is 0x200C or 0x200D,
    };
}

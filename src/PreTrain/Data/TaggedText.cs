using System.Globalization;
using PreTrain.Tokenization;

namespace PreTrain.Data;

/// <summary>A text whose words have tags.</summary>
public sealed record TaggedText
{
    /// <summary>The text.</summary>
    public required string Text { get; init; }

    /// <summary>Where its words are, in the order of the text; none overlaps another.</summary>
    public required IReadOnlyList<TokenSpan> Words { get; init; }

    /// <summary>The tag of each word, as its place in a <see cref="LabelSet"/>.</summary>
    public required IReadOnlyList<int> Tags { get; init; }

    /// <summary>Where the text comes from; what comes from one place is never held out in part. Null where each text stands for itself.</summary>
    /// <value>The default is null.</value>
    public string? Group { get; init; }

    /// <summary>
    /// The words of a plain text: runs of letters, digits and underscores, with the marks and joiners in them; every other character but white space by itself, and the letters of scripts that write no spaces (Han,
    /// Kana, Thai, Lao, Burmese, Khmer), with their marks.
    /// </summary>
    /// <param name="text">The text.</param>
    public static IReadOnlyList<TokenSpan> WordsOf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var words = new List<TokenSpan>();
        for (int i = 0; i < text.Length;)
        {
            int start = i++;
            if (char.IsWhiteSpace(text[start])) continue;
            if (IsOfWord(text[start])) while (i < text.Length && (IsAlone(text[start]) ? IsMark(text[i]) : IsOfWord(text[i]) && !IsAlone(text[i]))) i++;
            else if (i < text.Length && char.IsSurrogatePair(text[start], text[i])) i++;
            words.Add(new(start, i));
        }
        return words;
    }

    private static bool IsOfWord(char c) => char.IsLetterOrDigit(c) || c == '_' || IsMark(c);

    /// <summary>A mark of the letter before, or what joins letters or keeps them apart.</summary>
    private static bool IsMark(char c) => char.GetUnicodeCategory(c) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark || c is '\u200C' or '\u200D';

    /// <summary>A letter of a script that writes no spaces between words.</summary>
    private static bool IsAlone(char c) => c is >= '\u0E00' and <= '\u0EFF' or >= '\u1000' and <= '\u109F' or >= '\u1780' and <= '\u17FF' or >= '\u3040' and <= '\u30FF' or >= '\u31F0' and <= '\u31FF'
        or >= '\u3400' and <= '\u4DBF' or >= '\u4E00' and <= '\u9FFF' or >= '\uF900' and <= '\uFAFF' && !IsMark(c);
}

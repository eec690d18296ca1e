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

    /// <summary>The words of a plain text: runs of letters, digits and underscores, and every other character but white space by itself.</summary>
    /// <param name="text">The text.</param>
    public static IReadOnlyList<TokenSpan> WordsOf(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var words = new List<TokenSpan>();
        for (int i = 0; i < text.Length;)
        {
            int start = i++;
            if (char.IsWhiteSpace(text[start])) continue;
            if (IsOfWord(text[start])) while (i < text.Length && IsOfWord(text[i])) i++;
            else if (i < text.Length && char.IsSurrogatePair(text[start], text[i])) i++;
            words.Add(new(start, i));
        }
        return words;
    }

    private static bool IsOfWord(char c) => char.IsLetterOrDigit(c) || c == '_' || char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.NonSpacingMark;
}

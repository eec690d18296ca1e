using System.Collections.Frozen;

namespace PreTrain.Data;

/// <summary>Finds the sentences of a text by its marks: . ! ? … and their full-width siblings, but not after abbreviations, initials and within numbers.</summary>
/// <remarks>The abbreviations are English and a few German and French ones. Empty lines end sentences too.</remarks>
internal static class Sentences
{
    private static readonly FrozenSet<string>.AlternateLookup<ReadOnlySpan<char>> Abbreviations = (
        "mr mrs ms dr prof sr jr st mt gen col sgt capt lt rev hon pres gov sen rep inc ltd co corp dept univ est approx vs etc fig figs eq eqs sec ch vol no nos pp ed eds al cf "
        + "e.g i.e a.m p.m u.s u.k u.n jan feb mar apr jun jul aug sep sept oct nov dec mon tue wed thu fri sat sun z.b d.h u.a bzw usw nr str abb mme mlle")
        .Split(' ').ToFrozenSet(StringComparer.OrdinalIgnoreCase).GetAlternateLookup<ReadOnlySpan<char>>();

    public static int Count(ReadOnlySpan<char> text)
    {
        var count = 0;
        for (var at = 0; Next(text, ref at, out _, out _);)
            count++;
        return count;
    }

    public static List<(int Start, int Length)> Find(ReadOnlySpan<char> text)
    {
        var sentences = new List<(int, int)>();
        for (var at = 0; Next(text, ref at, out var start, out var length);)
            sentences.Add((start, length));
        return sentences;
    }

    /// <summary>The next sentence from a place on, without white space around it.</summary>
    private static bool Next(ReadOnlySpan<char> text, ref int at, out int start, out int length)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
            at++;
        start = at;
        length = 0;
        if (at == text.Length)
            return false;
        for (; at < text.Length; at++)
        {
            if (text[at] == '\n' && at + 1 < text.Length && text[(at + 1)..].TrimStart(" \t\r") is ['\n', ..] || Ends(text, start, ref at))
                break;
        }
        length = text[start..at].TrimEnd().Length;
        return true;
    }

    /// <summary>Whether a sentence ends with the mark at a place; the place then moves behind it and what closes quotes, or else to the last of the marks that stand together, which end none either.</summary>
    private static bool Ends(ReadOnlySpan<char> text, int start, ref int at)
    {
        var mark = text[at];
        if (mark is '。' or '！' or '？')
        {
            at = AfterClosing(text, at + 1);
            return true;
        }
        if (mark is not ('.' or '!' or '?' or '…'))
            return false;
        var end = at + 1;
        while (end < text.Length && text[end] is '.' or '!' or '?' or '…')
            end++;
        var first = at;
        at = end - 1;
        end = AfterClosing(text, end);
        if (end < text.Length && !char.IsWhiteSpace(text[end]))
            return false;
        var next = end;
        while (next < text.Length && char.IsWhiteSpace(text[next]))
            next++;
        if (next < text.Length && char.IsLower(text[next]))
            return false;
        if (mark == '.' && end == first + 1 && next < text.Length && IsAbbreviation(text[start..first]))
            return false;
        at = end;
        return true;
    }

    private static int AfterClosing(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && text[at] is '"' or '\'' or ')' or ']' or '”' or '’' or '»' or '」' or '』')
            at++;
        return at;
    }

    private static bool IsAbbreviation(ReadOnlySpan<char> before)
    {
        var word = before[(before.LastIndexOfAny(" \t\r\n(") + 1)..].TrimStart("\"'“‘[");
        return word.Length == 1 && char.IsUpper(word[0]) && word[0] != 'I' || Abbreviations.Contains(word);
    }
}

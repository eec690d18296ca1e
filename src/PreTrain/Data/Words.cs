namespace PreTrain.Data;

/// <summary>Words as runs of characters that are not white space.</summary>
internal static class Words
{
    public static int Count(ReadOnlySpan<char> text)
    {
        var count = 0;
        var inside = false;
        foreach (var c in text)
        {
            var isSpace = char.IsWhiteSpace(c);
            count += !isSpace && !inside ? 1 : 0;
            inside = !isSpace;
        }
        return count;
    }

    /// <summary>Where the words begin and how long they are.</summary>
    public static List<(int Start, int Length)> Find(ReadOnlySpan<char> text)
    {
        var words = new List<(int, int)>(text.Length / 6);
        var start = -1;
        for (var i = 0; i < text.Length; i++)
        {
            if (!char.IsWhiteSpace(text[i]))
                start = start < 0 ? i : start;
            else if (start >= 0)
            {
                words.Add((start, i - start));
                start = -1;
            }
        }
        if (start >= 0)
            words.Add((start, text.Length - start));
        return words;
    }
}

using System.Text;

namespace PreTrain.Data;

/// <summary>What is done to the lines of texts that come out of markup.</summary>
internal static class TextLines
{
    /// <summary>Lines without white space around them; empty lines only one at a time and between others.</summary>
    public static string Tidy(ReadOnlySpan<char> text)
    {
        var result = new StringBuilder(text.Length);
        var isApart = false;
        foreach (var line in text.EnumerateLines())
        {
            var trimmed = line.Trim();
            if (trimmed.IsEmpty)
            {
                isApart = result.Length > 0;
                continue;
            }
            if (result.Length > 0)
                result.Append(isApart ? "\n\n" : "\n");
            result.Append(trimmed);
            isApart = false;
        }
        return result.ToString();
    }
}

using System.Text;

namespace PreTrain.Data;

/// <summary>C4's rules (Raffel et al., JMLR 2020, section 2.2).</summary>
internal static class C4Rules
{
    private const int LeastWords = 5, LeastSentences = 3;

    private static readonly string[] Notices = ["terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"];
    private static readonly string[] Citations = ["[citation needed]", "[edit]"];

    /// <summary>The lines that stay, how many do not, and why the whole document goes.</summary>
    public static (string Text, int RemovedLines, string? Reason) Apply(string document)
    {
        if (document.Contains('{'))
            return (document, 0, "C4: a curly bracket");
        if (document.Contains("lorem ipsum", StringComparison.OrdinalIgnoreCase))
            return (document, 0, "C4: lorem ipsum");
        var kept = new StringBuilder(document.Length);
        int removed = 0, sentences = 0;
        foreach (var range in document.AsSpan().Split('\n'))
        {
            var line = document.AsSpan(range).Trim();
            if (line.IsEmpty)
                continue;
            if (line.Contains('['))
                line = WithoutCitations(line.ToString());
            if (!IsKept(line))
            {
                removed++;
                continue;
            }
            if (kept.Length > 0)
                kept.Append('\n');
            kept.Append(line);
            sentences += Sentences.Count(line);
        }
        return (removed == 0 && !document.Contains('[') ? document : kept.ToString(), removed, sentences < LeastSentences ? "C4: fewer than 3 sentences" : null);
    }

    private static bool IsKept(ReadOnlySpan<char> line)
    {
        if (line.IsEmpty || line[^1] is not ('.' or '!' or '?' or '"' or '”') || line.EndsWith("...") || Words.Count(line) < LeastWords
            || line.Contains("javascript", StringComparison.OrdinalIgnoreCase))
            return false;
        foreach (var notice in Notices)
        {
            if (line.Contains(notice, StringComparison.OrdinalIgnoreCase))
                return false;
        }
        return true;
    }

    // Wikipedia's marks: [12], [citation needed], [edit].
    private static string WithoutCitations(string line)
    {
        foreach (var citation in Citations)
            line = line.Replace(citation, "", StringComparison.OrdinalIgnoreCase);
        var result = new StringBuilder(line.Length);
        for (var i = 0; i < line.Length; i++)
        {
            var end = i + 1;
            if (line[i] == '[')
            {
                while (end < line.Length && char.IsAsciiDigit(line[end]))
                    end++;
                if (end > i + 1 && end < line.Length && line[end] == ']')
                {
                    i = end;
                    continue;
                }
            }
            result.Append(line[i]);
        }
        return result.ToString().TrimEnd();
    }
}

namespace PreTrain.Tokenization.Unicode;

/// <summary>Lower-case forms, without regard to a language.</summary>
internal static class CaseTable
{
    private static readonly Dictionary<int, string> s_lower = UnicodeData.Mappings("lower").ToDictionary(m => m.Key, m => m.Value.Text);
    private static readonly char[] s_basic = BuildBasic();

    /// <summary>The lower-case form of a character of the basic plane where that is one of them too, else the character itself.</summary>
    public static char LowerOf(char c) => s_basic[c];

    /// <summary>The lower-case form of a code point; <see langword="null"/> if it is itself.</summary>
    public static string? LowerOf(int codePoint) => s_lower.GetValueOrDefault(codePoint);

    private static char[] BuildBasic()
    {
        char[] basic = [.. Enumerable.Range(0, 0x10000).Select(c => (char)c)];
        foreach ((int codePoint, string lower) in s_lower)
        {
            if (codePoint < 0x10000 && lower.Length == 1)
                basic[codePoint] = lower[0];
        }

        return basic;
    }
}

namespace PreTrain.Tokenization.Unicode;

/// <summary>Decompositions, compositions and combining classes (Unicode Standard Annex 15; Hangul by §3.12 of the standard).</summary>
internal static class DecompositionTable
{
    private const int SyllableBase = 0xAC00;
    private const int LeadBase = 0x1100;
    private const int VowelBase = 0x1161;
    private const int TailBase = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TailCount;

    private static readonly CodePointTable s_classes = UnicodeData.Runs("ccc");
    private static readonly Dictionary<ulong, int> s_compositions = [];
    private static readonly Dictionary<int, string> s_canonical = BuildCanonical();
    private static readonly Dictionary<int, string> s_compatible = UnicodeData.Mappings("compatible").ToDictionary(m => m.Key, m => m.Value.Text);

    /// <summary>The canonical combining class.</summary>
    public static byte ClassOf(int codePoint) => codePoint < 0x300 ? (byte)0 : s_classes[codePoint];

    /// <summary>Writes the whole decomposition of a code point.</summary>
    /// <param name="codePoint">The code point.</param>
    /// <param name="compatible">Whether compatibility decompositions count too.</param>
    /// <param name="parts">Where the parts go; room for 24.</param>
    /// <returns>The number of parts.</returns>
    public static int Decompose(int codePoint, bool compatible, Span<int> parts)
    {
        if (codePoint < 0xA0)
        {
            parts[0] = codePoint;
            return 1;
        }

        int syllable = codePoint - SyllableBase;
        if ((uint)syllable < SyllableCount)
        {
            parts[0] = LeadBase + syllable / (VowelCount * TailCount);
            parts[1] = VowelBase + syllable % (VowelCount * TailCount) / TailCount;
            parts[2] = TailBase + syllable % TailCount;
            return parts[2] == TailBase ? 2 : 3;
        }

        if (!s_canonical.TryGetValue(codePoint, out string? text) && !(compatible && s_compatible.TryGetValue(codePoint, out text)))
        {
            parts[0] = codePoint;
            return 1;
        }

        int count = 0;
        for (int i = 0; i < text.Length;)
        {
            int part = Characters.At(text, i, out int width);
            if (compatible && s_compatible.TryGetValue(part, out string? finer) && !ReferenceEquals(finer, text))
            {
                for (int k = 0; k < finer.Length; k += width)
                    parts[count++] = Characters.At(finer, k, out width);
                width = part > 0xFFFF ? 2 : 1;
            }
            else
            {
                parts[count++] = part;
            }

            i += width;
        }

        return count;
    }

    /// <summary>The code point that two compose to, or −1.</summary>
    public static int Compose(int first, int second)
    {
        if ((uint)(first - LeadBase) < LeadCount && (uint)(second - VowelBase) < VowelCount)
            return SyllableBase + ((first - LeadBase) * VowelCount + second - VowelBase) * TailCount;
        if ((uint)(first - SyllableBase) < SyllableCount && (first - SyllableBase) % TailCount == 0 && second > TailBase && second < TailBase + TailCount)
            return first + second - TailBase;
        return s_compositions.TryGetValue(Key(first, second), out int composed) ? composed : -1;
    }

    private static Dictionary<int, string> BuildCanonical()
    {
        Dictionary<int, (string Text, bool IsMarked)> steps = UnicodeData.Mappings("canonical");
        var canonical = new Dictionary<int, string>(steps.Count);
        foreach ((int codePoint, (string text, bool isExcluded)) in steps)
        {
            int first = Characters.At(text, 0, out int width);
            if (!isExcluded)
                s_compositions.Add(Key(first, Characters.At(text, width, out _)), codePoint);
            string whole = text;
            // The rest of a step is never decomposable, and its first part may be.
            while (steps.TryGetValue(Characters.At(whole, 0, out width), out (string Text, bool) further))
                whole = further.Text + whole[width..];
            canonical.Add(codePoint, whole);
        }

        return canonical;
    }

    private static ulong Key(int first, int second) => ((ulong)first << 32) | (uint)second;
}

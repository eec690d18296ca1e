using System.Runtime.CompilerServices;

namespace PreTrain.Tokenization.Unicode;

/// <summary>What kind of character a code point is, as Hugging Face's tokenizers see it.</summary>
internal static class Characters
{
    private static readonly CodePointTable s_flags = UnicodeData.Runs("classes");
    private static readonly byte[] s_ascii = [.. Enumerable.Range(0, 128).Select(c => s_flags[c])];

    /// <summary>The flags of a code point.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CharacterFlags FlagsOf(int codePoint) => (CharacterFlags)(codePoint < 128 ? s_ascii[codePoint] : s_flags[codePoint]);

    /// <summary>Whether a code point has one of the flags.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static bool Is(int codePoint, CharacterFlags flags) => (FlagsOf(codePoint) & flags) != 0;

    /// <summary>The code point at a place in well-formed text, and its width in UTF-16 units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int At(ReadOnlySpan<char> text, int index, out int width)
    {
        char c = text[index];
        if (!char.IsHighSurrogate(c))
        {
            width = 1;
            return c;
        }

        width = 2;
        return char.ConvertToUtf32(c, text[index + 1]);
    }

    /// <summary>The code point before a place in well-formed text, and its width in UTF-16 units.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int Before(ReadOnlySpan<char> text, int index, out int width)
    {
        char c = text[index - 1];
        if (!char.IsLowSurrogate(c))
        {
            width = 1;
            return c;
        }

        width = 2;
        return char.ConvertToUtf32(text[index - 2], c);
    }

    /// <summary>Whether a code point is a Chinese character in BERT's sense: a CJK ideograph of a block that it lists.</summary>
    public static bool IsChinese(int codePoint) => codePoint >= 0x3400 && codePoint is
        (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF) or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F)
        or (>= 0x2B740 and <= 0x2B81F) or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}

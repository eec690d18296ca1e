using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PreTrain.Tokenization.Patterns;

/// <summary>How the patterns of byte-level tokenizers see a character: a letter, a number, white space, or something else. One table look-up each.</summary>
internal static class CharacterKinds
{
    public const byte Other = 0;
    public const byte Letter = 1;
    public const byte Number = 2;
    public const byte Space = 3;
    public const byte Surrogate = 4;   // decided by the pair

    private static readonly byte[] s_kinds = Build();

    /// <summary>The kinds of the characters of the basic plane.</summary>
    public static ref byte Table
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => ref MemoryMarshal.GetArrayDataReference(s_kinds);
    }

    /// <summary>The kind of a character of the basic plane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Of(char c) => Unsafe.Add(ref Table, c);

    /// <summary>The kind of the character at a place, and its width. A lone surrogate is encoded as U+FFFD, a symbol.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte At(ReadOnlySpan<char> text, int index, out int width)
    {
        byte kind = Of(text[index]);
        width = 1;
        return kind == Surrogate ? OfPair(text, index, out width) : kind;
    }

    /// <summary>The kind of the pair of surrogates at a place, and its width.</summary>
    public static byte OfPair(ReadOnlySpan<char> text, int index, out int width)
    {
        if (char.IsHighSurrogate(text[index]) && index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]))
        {
            width = 2;
            return OfCategory(CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(text[index], text[index + 1])));
        }

        width = 1;
        return Other;
    }

    private static byte OfCategory(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        _ => Other,
    };

    private static byte[] Build()
    {
        byte[] kinds = new byte[0x10000];
        for (int c = 0; c < kinds.Length; c++)
        {
            kinds[c] = char.IsSurrogate((char)c) ? Surrogate
                : char.IsWhiteSpace((char)c) ? Space
                : OfCategory(CharUnicodeInfo.GetUnicodeCategory((char)c));
        }

        return kinds;
    }
}

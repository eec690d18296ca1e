using System.Globalization;
using System.Runtime.CompilerServices;
using Microsoft.ML.Tokenizers;

namespace PreTrain.Tokenization;

/// <summary>
/// Cuts a text as GPT-2 does, into the matches of
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c> (Radford et al. 2019). The matches cover the text without
/// a gap. A hand-written scanner: one table look-up per character, no backtracking, and characters outside the basic plane count as
/// what they are, where a .NET regular expression sees two surrogates.
/// </summary>
public sealed class Gpt2PreTokenizer : PreTokenizer
{
    private const byte Other = 0;
    private const byte Letter = 1;
    private const byte Number = 2;
    private const byte Space = 3;
    private const byte Surrogate = 4;   // decided by the pair

    private static readonly byte[] s_classes = BuildClasses();

    private Gpt2PreTokenizer()
    {
    }

    /// <summary>The only instance; it has no state.</summary>
    public static Gpt2PreTokenizer Instance { get; } = new();

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PreTokenize(text.AsSpan());
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = EndOfWord(text, start);
            pieces.Add((start, end - start));
        }

        return pieces;
    }

    /// <summary>The end of the piece that begins at <paramref name="start"/>, which must lie within the text and be the end of another piece or 0.</summary>
    internal static int EndOfWord(ReadOnlySpan<char> text, int start)
    {
        ref byte classes = ref System.Runtime.InteropServices.MemoryMarshal.GetArrayDataReference(s_classes);
        int i = start;
        char c = text[i];
        if (c == '\'')
        {
            int end = EndOfContraction(text, i);
            if (end > 0)
                return end;
        }

        byte kind = Unsafe.Add(ref classes, c);
        int width = 1;
        if (kind == Space)
        {
            // " ?" takes one blank along with what follows, unless that is white space too.
            if (c != ' ' || i + 1 >= text.Length)
                return EndOfSpace(text, i);
            i++;
            kind = Unsafe.Add(ref classes, text[i]);
            if (kind == Space)
                return EndOfSpace(text, start);
        }

        if (kind == Surrogate)
            kind = ClassOfPair(text, i, out width);
        i += width;
        for (; i < text.Length; i += width)
        {
            byte next = Unsafe.Add(ref classes, text[i]);
            width = 1;
            if (next == kind)
                continue;
            if (next != Surrogate || ClassOfPair(text, i, out width) != kind)
                break;
        }

        return i;
    }

    /// <summary>Whether a word may be cut before <paramref name="index"/> whatever surrounds it: a letter, then a blank, then a letter.</summary>
    internal static bool IsCertainBoundary(ReadOnlySpan<char> text, int index) =>
        index > 0 && index + 1 < text.Length && text[index] == ' '
        && s_classes[text[index - 1]] == Letter && s_classes[text[index + 1]] == Letter;

    private static int EndOfContraction(ReadOnlySpan<char> text, int i)
    {
        if (i + 1 >= text.Length)
            return 0;
        switch (text[i + 1])
        {
            case 's' or 't' or 'm' or 'd':
                return i + 2;
            case 'r' or 'v' when i + 2 < text.Length && text[i + 2] == 'e':
            case 'l' when i + 2 < text.Length && text[i + 2] == 'l':
                return i + 3;
            default:
                return 0;
        }
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: all white space at the end of the text, else all but the last character of it, else the one there is.</summary>
    private static int EndOfSpace(ReadOnlySpan<char> text, int start)
    {
        int i = start + 1;
        while (i < text.Length && s_classes[text[i]] == Space)
            i++;
        return i == text.Length || i == start + 1 ? i : i - 1;
    }

    private static byte ClassOfPair(ReadOnlySpan<char> text, int i, out int width)
    {
        if (char.IsHighSurrogate(text[i]) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
        {
            width = 2;
            return ClassOf(CharUnicodeInfo.GetUnicodeCategory(char.ConvertToUtf32(text[i], text[i + 1])));
        }

        width = 1;
        return Other;   // a lone surrogate is encoded as U+FFFD, a symbol
    }

    private static byte ClassOf(UnicodeCategory category) => category switch
    {
        <= UnicodeCategory.OtherLetter => Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => Number,
        _ => Other,
    };

    private static byte[] BuildClasses()
    {
        byte[] classes = new byte[0x10000];
        for (int c = 0; c < classes.Length; c++)
        {
            classes[c] = char.IsSurrogate((char)c) ? Surrogate
                : char.IsWhiteSpace((char)c) ? Space
                : ClassOf(CharUnicodeInfo.GetUnicodeCategory((char)c));
        }

        return classes;
    }
}

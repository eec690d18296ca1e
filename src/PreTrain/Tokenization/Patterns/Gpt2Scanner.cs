using System.Runtime.CompilerServices;

namespace PreTrain.Tokenization.Patterns;

/// <summary>GPT-2's pattern (Radford et al. 2019).</summary>
internal readonly struct Gpt2Scanner : IWordScanner
{
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public static int EndOfWord(ReadOnlySpan<char> text, int start)
    {
        ref byte kinds = ref CharacterKinds.Table;
        int i = start;
        char c = text[i];
        if (c == '\'')
        {
            int end = EndOfContraction(text, i);
            if (end > 0)
                return end;
        }

        byte kind = Unsafe.Add(ref kinds, c);
        int width = 1;
        if (kind == CharacterKinds.Space)
        {
            // " ?" takes one blank along with what follows, unless that is white space too.
            if (c != ' ' || i + 1 >= text.Length)
                return EndOfSpace(text, i);
            i++;
            kind = Unsafe.Add(ref kinds, text[i]);
            if (kind == CharacterKinds.Space)
                return EndOfSpace(text, start);
        }

        if (kind == CharacterKinds.Surrogate)
            kind = CharacterKinds.OfPair(text, i, out width);
        i += width;
        for (; i < text.Length; i += width)
        {
            byte next = Unsafe.Add(ref kinds, text[i]);
            width = 1;
            if (next == kind)
                continue;
            if (next != CharacterKinds.Surrogate || CharacterKinds.OfPair(text, i, out width) != kind)
                break;
        }

        return i;
    }

    /// <summary><c>\s+(?!\S)|\s+</c>: all white space at the end of the text, else all but the last character of it, else the one there is.</summary>
    public static int EndOfSpace(ReadOnlySpan<char> text, int start)
    {
        int i = start + 1;
        while (i < text.Length && CharacterKinds.Of(text[i]) == CharacterKinds.Space)
            i++;
        return i == text.Length || i == start + 1 ? i : i - 1;
    }

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
}

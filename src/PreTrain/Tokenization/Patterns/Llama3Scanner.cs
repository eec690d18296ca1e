namespace PreTrain.Tokenization.Patterns;

/// <summary>The pattern of Llama 3 and of tiktoken's <c>cl100k_base</c>, with numbers in pieces of three digits; that of Qwen 2, with one digit each.</summary>
/// <typeparam name="TDigits">How many digits of a number are one piece at most.</typeparam>
internal readonly struct Llama3Scanner<TDigits> : IWordScanner where TDigits : IDigitLimit
{
    public static string Pattern { get; } =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + (TDigits.Most == 1 ? "" : $"{{1,{TDigits.Most}}}")
        + @"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <inheritdoc/>
    public static int EndOfWord(ReadOnlySpan<char> text, int start)
    {
        char c = text[start];
        if (c == '\'' && EndOfContraction(text, start) is > 0 and int end)
            return end;
        byte kind = CharacterKinds.At(text, start, out int width);
        int i = start + width;
        if (kind == CharacterKinds.Letter)
            return EndOfRun(text, i, CharacterKinds.Letter);
        if (kind == CharacterKinds.Number)
        {
            for (int count = 1; count < TDigits.Most && i < text.Length && CharacterKinds.At(text, i, out width) == CharacterKinds.Number; count++)
                i += width;
            return i;
        }

        // What is neither goes along with letters, but for the end of a line.
        byte next = i < text.Length ? CharacterKinds.At(text, i, out width) : CharacterKinds.Space;
        if (next == CharacterKinds.Letter && c is not ('\r' or '\n'))
            return EndOfRun(text, i + width, CharacterKinds.Letter);
        if (kind == CharacterKinds.Other || (c == ' ' && next == CharacterKinds.Other))
        {
            i = EndOfRun(text, i, CharacterKinds.Other);
            while (i < text.Length && text[i] is '\r' or '\n')
                i++;
            return i;
        }

        return EndOfSpace(text, start);
    }

    private static int EndOfRun(ReadOnlySpan<char> text, int i, byte kind)
    {
        while (i < text.Length && CharacterKinds.At(text, i, out int width) == kind)
            i += width;
        return i;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c>: white space up to its last end of a line, else as in GPT-2's pattern.</summary>
    private static int EndOfSpace(ReadOnlySpan<char> text, int start)
    {
        int i = start, line = -1;
        for (; i < text.Length && CharacterKinds.Of(text[i]) == CharacterKinds.Space; i++)
        {
            if (text[i] is '\r' or '\n')
                line = i + 1;
        }

        return line > 0 ? line : i == text.Length || i == start + 1 ? i : i - 1;
    }

    private static int EndOfContraction(ReadOnlySpan<char> text, int i)
    {
        if (i + 1 >= text.Length)
            return 0;
        // U+017F, the long s, is an s without regard to case.
        switch (text[i + 1] | 0x20)
        {
            case 's' or 't' or 'm' or 'd':
            case 0x17F when text[i + 1] == '\u017f':
                return i + 2;
            case 'r' or 'v' when i + 2 < text.Length && (text[i + 2] | 0x20) == 'e':
            case 'l' when i + 2 < text.Length && (text[i + 2] | 0x20) == 'l':
                return i + 3;
            default:
                return 0;
        }
    }
}

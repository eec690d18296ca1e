using System.Text.Json;

namespace PreTrain.Tokenization.Patterns;

/// <summary>
/// A regular expression. .NET's own sees a character beyond the basic plane as two, and other versions of Unicode; so this is a small engine of our own. It
/// backtracks, as that of the reference does, and gives up where a pattern would take for ever.
/// </summary>
internal sealed class RegexPattern : TextPattern
{
    private readonly string _source;
    private readonly RegexProgram _program;

    /// <exception cref="FormatException">The pattern is broken or has what is not known here.</exception>
    public RegexPattern(string source)
    {
        _source = source;
        if (source.AsSpan().ContainsAnyInRange('\ud800', '\udfff') && !IsWellFormed(source))
            throw new FormatException("a lone surrogate");
        _program = new RegexProgram(new RegexParser(source).Parse());
    }

    /// <inheritdoc/>
    public override bool TryFind(ReadOnlySpan<char> text, int from, int lastEnd, out int start, out int end)
    {
        long budget = RegexProgram.Budget(text.Length);
        for (start = from; start <= text.Length; start = start < text.Length ? Next(text, start) : start + 1)
        {
            end = _program.Match(text, start, ref budget);
            if (end > start || (end == start && end != lastEnd))
                return true;
        }

        end = -1;
        return false;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("pattern");
        json.WriteString("Regex", _source);
        json.WriteEndObject();
    }

    private static bool IsWellFormed(string text)
    {
        foreach (System.Text.Rune rune in text.EnumerateRunes())
        {
            if (rune.Value == 0xFFFD && !text.Contains('\ufffd'))
                return false;
        }

        return true;
    }
}

using System.Text.Json;

namespace PreTrain.Tokenization.Patterns;

/// <summary>A text as it stands.</summary>
internal sealed class LiteralPattern(string literal) : TextPattern
{
    /// <inheritdoc/>
    public override string Literal => literal;

    /// <inheritdoc/>
    public override bool TryFind(ReadOnlySpan<char> text, int from, int lastEnd, out int start, out int end)
    {
        if (literal.Length == 0 && from == lastEnd && from < text.Length)
            from = Next(text, from);
        else if (literal.Length == 0 && from == lastEnd)
            from = text.Length + 1;
        int at = from > text.Length ? -1 : text[from..].IndexOf(literal, StringComparison.Ordinal);
        (start, end) = (from + at, from + at + literal.Length);
        return at >= 0;
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject("pattern");
        json.WriteString("String", literal);
        json.WriteEndObject();
    }
}

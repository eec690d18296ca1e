using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Turns the suffix of a word's last token into a blank, but at the end of the text: <c>BPEDecoder</c>.</summary>
internal sealed class BpeDecoder(string suffix) : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        string? held = null;   // the last token is another one than the others
        return new WholeTokenStep(token =>
        {
            if (held is not null)
                next.WriteToken(Replace(held, " "));
            held = token;
        }, () =>
        {
            if (held is not null)
                next.WriteToken(Replace(held, ""));
        }, next);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "BPEDecoder");
        json.WriteString("suffix", suffix);
        json.WriteEndObject();
    }

    private string Replace(string token, string blank)
    {
        if (suffix.Length > 0)
            return token.Replace(suffix, blank, StringComparison.Ordinal);
        // The empty suffix is everywhere: before, between and after the characters.
        return blank + string.Concat(token.EnumerateRunes().Select(rune => rune + blank));
    }
}

using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Decodes the output of a model of speech: repeated tokens are one, the padding token goes: <c>CTC</c> (Graves et al. 2006).</summary>
internal sealed class CtcDecoder(string padToken, string wordDelimiter, bool cleansUp) : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        string? last = null;
        return new WholeTokenStep(token =>
        {
            if (token == last)
                return;
            last = token;
            string text = padToken.Length > 0 ? token.Replace(padToken, "", StringComparison.Ordinal) : token;
            if (cleansUp)
                text = WordPieceDecoder.CleanUp(text);
            if (cleansUp && wordDelimiter.Length > 0)
                text = text.Replace(wordDelimiter, " ", StringComparison.Ordinal);
            if (text.Length > 0)
                next.WriteToken(text);
        }, null, next);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "CTC");
        json.WriteString("pad_token", padToken);
        json.WriteString("word_delimiter_token", wordDelimiter);
        json.WriteBoolean("cleanup", cleansUp);
        json.WriteEndObject();
    }
}

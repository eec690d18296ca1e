using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Joins pieces of words, and puts blanks between words: <c>WordPiece</c>.</summary>
/// <param name="prefix">How tokens inside a word begin.</param>
/// <param name="cleansUp">Whether blanks before punctuation and English contractions go.</param>
internal sealed class WordPieceDecoder(string prefix, bool cleansUp) : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next)
    {
        bool isFirst = true;
        return new WholeTokenStep(token =>
        {
            if (!isFirst)
                token = token.StartsWith(prefix, StringComparison.Ordinal) ? token[prefix.Length..] : " " + token;
            isFirst = false;
            next.WriteToken(cleansUp ? CleanUp(token) : token);
        }, null, next);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "WordPiece");
        json.WriteString("prefix", prefix);
        json.WriteBoolean("cleanup", cleansUp);
        json.WriteEndObject();
    }

    /// <summary>Removes blanks before punctuation and within English contractions.</summary>
    public static string CleanUp(string token) => token.Length < 2 ? token : token
        .Replace(" .", ".", StringComparison.Ordinal).Replace(" ?", "?", StringComparison.Ordinal).Replace(" !", "!", StringComparison.Ordinal)
        .Replace(" ,", ",", StringComparison.Ordinal).Replace(" ' ", "'", StringComparison.Ordinal).Replace(" n't", "n't", StringComparison.Ordinal)
        .Replace(" 'm", "'m", StringComparison.Ordinal).Replace(" do not", " don't", StringComparison.Ordinal).Replace(" 's", "'s", StringComparison.Ordinal)
        .Replace(" 've", "'ve", StringComparison.Ordinal).Replace(" 're", "'re", StringComparison.Ordinal);
}

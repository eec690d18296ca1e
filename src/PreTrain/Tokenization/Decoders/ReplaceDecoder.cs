using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Replaces every match of a pattern within a token: <c>Replace</c>.</summary>
internal sealed class ReplaceDecoder(TextPattern pattern, string content) : ITokenDecoder
{
    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next) => new WholeTokenStep(token => next.WriteToken(Replace(token)), null, next);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Replace");
        pattern.Write(json);
        json.WriteString("content", content);
        json.WriteEndObject();
    }

    private string Replace(string token)
    {
        if (pattern.Literal is { Length: > 0 } literal)
            return token.Replace(literal, content, StringComparison.Ordinal);
        var result = new StringBuilder();
        int done = 0, last = -1;
        while (token.Length > 0 && pattern.TryFind(token, done, last, out int start, out int end))
        {
            result.Append(token, done, start - done).Append(content);
            done = last = end;
        }

        return result.Append(token, done, token.Length - done).ToString();
    }
}

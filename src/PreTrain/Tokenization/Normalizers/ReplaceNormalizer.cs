using System.Text.Json;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Replaces every match of a pattern.</summary>
internal sealed class ReplaceNormalizer(TextPattern pattern, string content) : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        if (pattern.Literal is { Length: 1 } one && content.Length == 1)
        {
            text.Mutable.Replace(one[0], content[0]);
            return;
        }

        ReadOnlySpan<char> chars = text.Chars;
        if (!pattern.TryFind(chars, 0, -1, out int start, out int end))
            return;
        text.BeginRewrite();
        int done = 0;
        do
        {
            text.Copy(done, start);
            text.Put(content, end - 1);   // where the last character of the match stands
            done = end;
        }
        while (pattern.TryFind(chars, end, end, out start, out end));
        text.Copy(done, chars.Length);
        text.EndRewrite();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Replace");
        pattern.Write(json);
        json.WriteString("content", content);
        json.WriteEndObject();
    }
}

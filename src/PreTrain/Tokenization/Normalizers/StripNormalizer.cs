using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Removes white space at the text's ends.</summary>
internal sealed class StripNormalizer(bool left, bool right) : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        ReadOnlySpan<char> chars = text.Chars;   // all white space lies in the basic plane
        int start = 0, end = chars.Length;
        while (left && start < end && Characters.Is(chars[start], CharacterFlags.Space))
            start++;
        while (right && end > start && Characters.Is(chars[end - 1], CharacterFlags.Space))
            end--;
        text.Trim(start, end);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Strip");
        json.WriteBoolean("strip_left", left);
        json.WriteBoolean("strip_right", right);
        json.WriteEndObject();
    }
}

using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Removes all marks. After NFD that is all accents.</summary>
internal sealed class StripAccentsNormalizer : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        if (text.Chars.ContainsAnyInRange('\u0300', '\uffff'))
            text.Remove(CharacterFlags.Mark);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "StripAccents");
        json.WriteEndObject();
    }
}

using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>Puts a text before any text that is not empty.</summary>
internal sealed class PrependNormalizer(string prefix) : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text)
    {
        if (text.Length == 0)
            return;
        text.BeginRewrite();
        text.Put(prefix, 0);
        text.Copy(0, text.Length);
        text.EndRewrite();
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Prepend");
        json.WriteString("prepend", prefix);
        json.WriteEndObject();
    }
}

using System.Text.Json;
using PreTrain.Tokenization.Pipeline;
using PreTrain.Tokenization.Unicode;

namespace PreTrain.Tokenization.Normalizers;

/// <summary>NFC, NFD, NFKC or NFKD, as its name says.</summary>
internal sealed class UnicodeFormNormalizer(string name) : ITextNormalizer
{
    /// <inheritdoc/>
    public void Normalize(WorkText text) => NormalForm.Apply(text, composes: name[^1] == 'C', compatible: name.Length == 4);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", name);
        json.WriteEndObject();
    }
}

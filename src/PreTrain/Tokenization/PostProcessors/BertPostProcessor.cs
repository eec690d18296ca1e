using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PostProcessors;

/// <summary><c>[CLS] A [SEP]</c> and <c>[CLS] A [SEP] B [SEP]</c>: <c>BertProcessing</c>.</summary>
internal sealed class BertPostProcessor((string Token, int Id) separator, (string Token, int Id) start) : IPostProcessor
{
    private readonly (int, string)[] _start = [(start.Id, start.Token)];
    private readonly (int, string)[] _separator = [(separator.Id, separator.Token)];

    /// <inheritdoc/>
    public int AddedCount(bool isPair) => isPair ? 3 : 2;

    /// <inheritdoc/>
    public List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens) =>
        addSpecialTokens ? [.. parts.Select((part, i) => part.Surround(i == 0 ? _start : [], _separator, i == 0 ? 0 : 1))] : parts;

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "BertProcessing");
        WriteToken(json, "sep", separator);
        WriteToken(json, "cls", start);
        json.WriteEndObject();
    }

    /// <summary>Writes a token with its id.</summary>
    public static void WriteToken(Utf8JsonWriter json, string name, (string Token, int Id) token)
    {
        json.WriteStartArray(name);
        json.WriteStringValue(token.Token);
        json.WriteNumberValue(token.Id);
        json.WriteEndArray();
    }
}

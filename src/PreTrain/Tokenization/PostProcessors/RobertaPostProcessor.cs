using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PostProcessors;

/// <summary><c>&lt;s&gt; A &lt;/s&gt;</c> and <c>&lt;s&gt; A &lt;/s&gt;&lt;/s&gt; B &lt;/s&gt;</c>, all of type 0: <c>RobertaProcessing</c>.</summary>
internal sealed class RobertaPostProcessor((string Token, int Id) separator, (string Token, int Id) start, bool trimOffsets, bool addPrefixSpace) : IPostProcessor
{
    private readonly (int, string)[] _start = [(start.Id, start.Token)];
    private readonly (int, string)[] _separator = [(separator.Id, separator.Token)];

    /// <inheritdoc/>
    public int AddedCount(bool isPair) => isPair ? 4 : 2;

    /// <inheritdoc/>
    public List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens)
    {
        foreach (EncodingDraft part in parts)
        {
            if (trimOffsets)
                ByteLevelPostProcessor.Trim(part, addPrefixSpace);
            part.SetTypeIds(0);
        }

        return addSpecialTokens ? [.. parts.Select((part, i) => part.Surround(i == 0 ? _start : _separator, _separator, 0))] : parts;
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "RobertaProcessing");
        BertPostProcessor.WriteToken(json, "sep", separator);
        BertPostProcessor.WriteToken(json, "cls", start);
        json.WriteBoolean("trim_offsets", trimOffsets);
        json.WriteBoolean("add_prefix_space", addPrefixSpace);
        json.WriteEndObject();
    }
}

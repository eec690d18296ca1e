using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PostProcessors;

/// <summary>Several post-processors, one after another.</summary>
internal sealed class PostProcessorSequence(IReadOnlyList<IPostProcessor> steps) : IPostProcessor
{
    /// <inheritdoc/>
    public int AddedCount(bool isPair) => steps.Sum(step => step.AddedCount(isPair));

    /// <inheritdoc/>
    public List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens)
    {
        foreach (IPostProcessor step in steps)
            parts = step.Process(parts, addSpecialTokens);
        return parts;
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("processors");
        foreach (IPostProcessor step in steps)
            step.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.Decoders;

/// <summary>Several decoders, one after another.</summary>
internal sealed class DecoderSequence(IReadOnlyList<ITokenDecoder> steps) : ITokenDecoder
{
    /// <summary>The decoders.</summary>
    public IReadOnlyList<ITokenDecoder> Steps => steps;

    /// <inheritdoc/>
    public DecodingStep Begin(DecodingStep next) => steps.Reverse().Aggregate(next, (step, decoder) => decoder.Begin(step));

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("decoders");
        foreach (ITokenDecoder step in steps)
            step.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

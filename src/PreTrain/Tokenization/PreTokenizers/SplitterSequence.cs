using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Several pre-tokenizers, each cutting the pieces of the one before.</summary>
internal sealed class SplitterSequence(IReadOnlyList<ITextSplitter> steps) : ITextSplitter
{
    /// <summary>The pre-tokenizers.</summary>
    public IReadOnlyList<ITextSplitter> Steps => steps;

    /// <inheritdoc/>
    public bool NeedsPlaces => steps.Any(step => step.NeedsPlaces);

    /// <inheritdoc/>
    public void Split(PieceList pieces)
    {
        foreach (ITextSplitter step in steps)
            step.Split(pieces);
    }

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Sequence");
        json.WriteStartArray("pretokenizers");
        foreach (ITextSplitter step in steps)
            step.Write(json);
        json.WriteEndArray();
        json.WriteEndObject();
    }
}

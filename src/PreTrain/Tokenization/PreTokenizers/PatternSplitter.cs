using System.Text.Json;
using PreTrain.Tokenization.Patterns;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Cuts at the matches of a pattern: <c>Split</c>.</summary>
internal sealed class PatternSplitter(TextPattern pattern, SplitBehavior behavior, bool isInverted) : ITextSplitter
{
    /// <summary>The pattern.</summary>
    public TextPattern Pattern => pattern;

    /// <summary>Whether every match, and all between, is a piece.</summary>
    public bool IsIsolated => behavior == SplitBehavior.Isolated;

    /// <inheritdoc/>
    public void Split(PieceList pieces) => Cutter.CutAtPattern(pieces, pattern, behavior, isInverted);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "Split");
        pattern.Write(json);
        json.WriteString("behavior", behavior.ToString());
        json.WriteBoolean("invert", isInverted);
        json.WriteEndObject();
    }
}

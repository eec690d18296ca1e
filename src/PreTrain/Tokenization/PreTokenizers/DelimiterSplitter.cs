using System.Text;
using System.Text.Json;
using PreTrain.Tokenization.Pipeline;

namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>Cuts at a character, which goes: <c>CharDelimiterSplit</c>.</summary>
internal sealed class DelimiterSplitter(Rune delimiter) : ITextSplitter
{
    /// <inheritdoc/>
    public void Split(PieceList pieces) => Cutter.CutAtCharacter(pieces, delimiter.Value, SplitBehavior.Removed);

    /// <inheritdoc/>
    public void Write(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("type", "CharDelimiterSplit");
        json.WriteString("delimiter", delimiter.ToString());
        json.WriteEndObject();
    }
}

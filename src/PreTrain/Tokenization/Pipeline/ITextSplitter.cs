using System.Text.Json;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Cuts a text into the pieces that tokens never cross: what <c>tokenizer.json</c> calls a pre-tokenizer. Immutable, and safe for concurrent use.</summary>
internal interface ITextSplitter
{
    /// <summary>Whether it asks of a piece if that begins the original text.</summary>
    bool NeedsPlaces => false;

    /// <summary>Cuts each piece further.</summary>
    void Split(PieceList pieces);

    /// <summary>Writes itself as an object of <c>tokenizer.json</c>.</summary>
    void Write(Utf8JsonWriter json);
}

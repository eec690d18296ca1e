using System.Text.Json;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>One step from tokens to text. Immutable, and safe for concurrent use.</summary>
internal interface ITokenDecoder
{
    /// <summary>Begins to decode: what is written to the result goes, decoded, to <paramref name="next"/>.</summary>
    DecodingStep Begin(DecodingStep next);

    /// <summary>Writes itself as an object of <c>tokenizer.json</c>.</summary>
    void Write(Utf8JsonWriter json);
}

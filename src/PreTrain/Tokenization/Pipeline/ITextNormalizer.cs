using System.Text.Json;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Rewrites a text before it is cut. Immutable, and safe for concurrent use.</summary>
internal interface ITextNormalizer
{
    /// <summary>Rewrites the text.</summary>
    void Normalize(WorkText text);

    /// <summary>Writes itself as an object of <c>tokenizer.json</c>.</summary>
    void Write(Utf8JsonWriter json);
}

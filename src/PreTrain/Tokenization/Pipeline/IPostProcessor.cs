using System.Text.Json;

namespace PreTrain.Tokenization.Pipeline;

/// <summary>Puts special tokens around encoded texts. Immutable, and safe for concurrent use.</summary>
internal interface IPostProcessor
{
    /// <summary>How many special tokens it adds.</summary>
    int AddedCount(bool isPair);

    /// <summary>Processes the parts of an encoding: one text or two.</summary>
    List<EncodingDraft> Process(List<EncodingDraft> parts, bool addSpecialTokens);

    /// <summary>Writes itself as an object of <c>tokenizer.json</c>.</summary>
    void Write(Utf8JsonWriter json);
}

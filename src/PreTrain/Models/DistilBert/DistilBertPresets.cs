namespace PreTrain.Models.DistilBert;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class DistilBertPresets
{
    /// <summary>2 layers × 128: half of the layers of BERT's nano.</summary>
    public static DistilBertConfig Nano { get; } =
        new() { VocabSize = 8192, ContextLength = 128, LayerCount = 2, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0, ClassifierDropout = 0, AnswerDropout = 0 };

    /// <summary>The published size, with 66 million parameters (Sanh et al. 2019, table 3).</summary>
    public static DistilBertConfig Base { get; } = new();

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, DistilBertConfig> All { get; } = new Dictionary<string, DistilBertConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["distilbert-base"] = Base,
    };
}

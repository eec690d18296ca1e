namespace PreTrain.Models.UniLm;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class UniLmPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static UniLmConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0 };

    /// <summary>The size of BERT-base, with 110 million parameters.</summary>
    public static UniLmConfig Base { get; } = new();

    /// <summary>The size of BERT-large, with 335 million parameters (Dong et al. 2019, section 2.4).</summary>
    public static UniLmConfig Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, UniLmConfig> All { get; } = new Dictionary<string, UniLmConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["unilm-base"] = Base,
        ["unilm-large"] = Large,
    };
}

namespace PreTrain.Models.Bert;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class BertPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static BertConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0 };

    /// <summary>2 layers × 128 (Turc et al. 2019).</summary>
    public static BertConfig Tiny { get; } = new() { LayerCount = 2, HeadCount = 2, EmbeddingDim = 128 };

    /// <summary>4 layers × 512 (Turc et al. 2019).</summary>
    public static BertConfig Small { get; } = new() { LayerCount = 4, HeadCount = 8, EmbeddingDim = 512 };

    /// <summary>BERT-base, uncased, with 110 million parameters.</summary>
    public static BertConfig Base { get; } = new();

    /// <summary>BERT-large, uncased, with 335 million parameters.</summary>
    public static BertConfig Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, BertConfig> All { get; } = new Dictionary<string, BertConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["bert-tiny"] = Tiny,
        ["bert-small"] = Small,
        ["bert-base"] = Base,
        ["bert-large"] = Large,
    };
}

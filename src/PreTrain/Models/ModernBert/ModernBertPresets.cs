namespace PreTrain.Models.ModernBert;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class ModernBertPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static ModernBertConfig Nano { get; } = new()
    {
        VocabSize = 8192,
        ContextLength = 256,
        LayerCount = 4,
        HeadCount = 4,
        EmbeddingDim = 128,
        FeedForwardDim = 192,
        LocalWindow = 64,
        PaddingId = 0,
    };

    /// <summary>ModernBERT-base, with 149 million parameters.</summary>
    public static ModernBertConfig Base { get; } = new();

    /// <summary>ModernBERT-large, with 395 million parameters.</summary>
    public static ModernBertConfig Large { get; } = new() { LayerCount = 28, HeadCount = 16, EmbeddingDim = 1024, FeedForwardDim = 2624 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, ModernBertConfig> All { get; } = new Dictionary<string, ModernBertConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["modernbert-base"] = Base,
        ["modernbert-large"] = Large,
    };
}

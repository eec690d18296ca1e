namespace PreTrain.Models.Bart;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class BartPresets
{
    /// <summary>2 + 2 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static BartConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 2, HeadCount = 4, EmbeddingDim = 128, FeedForwardDim = 512, Dropout = 0 };

    /// <summary>BART-base, with 139 million parameters.</summary>
    public static BartConfig Base { get; } = new() { LayerCount = 6, HeadCount = 12, EmbeddingDim = 768, FeedForwardDim = 3072, AttentionDropout = 0.1, ActivationDropout = 0.1 };

    /// <summary>BART-large, with 406 million parameters.</summary>
    public static BartConfig Large { get; } = new() { AttentionDropout = 0.1, ActivationDropout = 0.1 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, BartConfig> All { get; } = new Dictionary<string, BartConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["bart-base"] = Base,
        ["bart-large"] = Large,
    };
}

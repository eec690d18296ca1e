using PreTrain.Modules;

namespace PreTrain.Models.T5;

/// <summary>Named sizes. The vocabulary is usually changed with <c>with</c>.</summary>
public static class T5Presets
{
    private static readonly T5Config s_gated = new() { Activation = Activation.GeluTanh, IsGated = true, IsHeadTied = false, IsHeadScaled = false };

    /// <summary>2 + 2 layers × 128, gated: learns real text in minutes on two CPU cores.</summary>
    public static T5Config Nano { get; } = s_gated with { VocabSize = 8192, LayerCount = 2, HeadCount = 4, EmbeddingDim = 128, HeadDim = 32, FeedForwardDim = 256, Dropout = 0 };

    /// <summary>T5-small, with 61 million parameters.</summary>
    public static T5Config Small { get; } = new();

    /// <summary>T5-base, with 223 million parameters.</summary>
    public static T5Config Base { get; } = new() { LayerCount = 12, HeadCount = 12, EmbeddingDim = 768, FeedForwardDim = 3072 };

    /// <summary>T5-large, with 738 million parameters.</summary>
    public static T5Config Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024, FeedForwardDim = 4096 };

    /// <summary>T5-3B, with 2.85 billion parameters.</summary>
    public static T5Config ThreeBillion { get; } = new() { LayerCount = 24, HeadCount = 32, EmbeddingDim = 1024, HeadDim = 128, FeedForwardDim = 16384 };

    /// <summary>T5 1.1 small, with 77 million parameters.</summary>
    public static T5Config Small11 { get; } = s_gated with { LayerCount = 8, HeadCount = 6, FeedForwardDim = 1024 };

    /// <summary>T5 1.1 base, with 248 million parameters.</summary>
    public static T5Config Base11 { get; } = s_gated with { LayerCount = 12, HeadCount = 12, EmbeddingDim = 768, FeedForwardDim = 2048 };

    /// <summary>T5 1.1 large, with 783 million parameters.</summary>
    public static T5Config Large11 { get; } = s_gated with { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024, FeedForwardDim = 2816 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, T5Config> All { get; } = new Dictionary<string, T5Config>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["t5-small"] = Small,
        ["t5-base"] = Base,
        ["t5-large"] = Large,
        ["t5-3b"] = ThreeBillion,
        ["t5-v1.1-small"] = Small11,
        ["t5-v1.1-base"] = Base11,
        ["t5-v1.1-large"] = Large11,
    };
}

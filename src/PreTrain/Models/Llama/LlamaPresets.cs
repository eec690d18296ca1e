using PreTrain.Modules;

namespace PreTrain.Models.Llama;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class LlamaPresets
{
    private static readonly RotaryScaling s_llama31 = new(8, RotaryScalingKind.Llama3), s_llama32 = new(32, RotaryScalingKind.Llama3);

    /// <summary>4 layers × 128, with 2 key-value heads: learns real text in minutes on two CPU cores.</summary>
    public static LlamaConfig Nano { get; } = new()
    {
        VocabSize = 8192,
        ContextLength = 256,
        LayerCount = 4,
        HeadCount = 4,
        KeyValueHeadCount = 2,
        EmbeddingDim = 128,
        FeedForwardDim = 344,
        IsHeadTied = true,
    };

    /// <summary>TinyLlama, 1.1 billion parameters (Zhang et al. 2024).</summary>
    public static LlamaConfig TinyLlama { get; } = new() { LayerCount = 22, KeyValueHeadCount = 4, EmbeddingDim = 2048, FeedForwardDim = 5632 };

    /// <summary>Llama 2, 6.7 billion parameters.</summary>
    public static LlamaConfig Llama2Of7B { get; } = new() { ContextLength = 4096 };

    /// <summary>Llama 3.1, 8.0 billion parameters.</summary>
    public static LlamaConfig Llama31Of8B { get; } =
        new() { VocabSize = 128256, ContextLength = 131072, KeyValueHeadCount = 8, FeedForwardDim = 14336, RotaryBase = 500_000, RotaryScaling = s_llama31 };

    /// <summary>Llama 3.2, 1.2 billion parameters.</summary>
    public static LlamaConfig Llama32Of1B { get; } = Llama31Of8B with
    {
        LayerCount = 16,
        EmbeddingDim = 2048,
        HeadWidth = 64,
        FeedForwardDim = 8192,
        RotaryScaling = s_llama32,
        IsHeadTied = true,
    };

    /// <summary>Mistral 0.1, 7.2 billion parameters.</summary>
    public static LlamaConfig Mistral7B { get; } =
        new() { Variant = LlamaVariant.Mistral, ContextLength = 32768, KeyValueHeadCount = 8, FeedForwardDim = 14336, SlidingWindow = 4096 };

    /// <summary>Qwen2.5, 494 million parameters.</summary>
    public static LlamaConfig Qwen25Of500M { get; } = new()
    {
        Variant = LlamaVariant.Qwen2,
        VocabSize = 151936,
        ContextLength = 32768,
        LayerCount = 24,
        HeadCount = 14,
        KeyValueHeadCount = 2,
        EmbeddingDim = 896,
        FeedForwardDim = 4864,
        NormEpsilon = 1e-6,
        RotaryBase = 1_000_000,
        IsHeadTied = true,
    };

    /// <summary>Qwen3, 596 million parameters.</summary>
    public static LlamaConfig Qwen3Of600M { get; } = new()
    {
        Variant = LlamaVariant.Qwen3,
        VocabSize = 151936,
        ContextLength = 40960,
        LayerCount = 28,
        HeadCount = 16,
        KeyValueHeadCount = 8,
        EmbeddingDim = 1024,
        HeadWidth = 128,
        FeedForwardDim = 3072,
        NormEpsilon = 1e-6,
        RotaryBase = 1_000_000,
        IsHeadTied = true,
    };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, LlamaConfig> All { get; } = new Dictionary<string, LlamaConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["tinyllama-1.1b"] = TinyLlama,
        ["llama-2-7b"] = Llama2Of7B,
        ["llama-3.1-8b"] = Llama31Of8B,
        ["llama-3.2-1b"] = Llama32Of1B,
        ["mistral-7b"] = Mistral7B,
        ["qwen2.5-0.5b"] = Qwen25Of500M,
        ["qwen3-0.6b"] = Qwen3Of600M,
    };
}

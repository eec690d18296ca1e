namespace PreTrain.Models.Gpt;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class GptPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static GptConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 256, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128 };

    /// <summary>6 layers × 384, context 256, 65 characters: nanoGPT's model for tiny Shakespeare.</summary>
    public static GptConfig Char { get; } = new() { VocabSize = 65, ContextLength = 256, LayerCount = 6, HeadCount = 6, EmbeddingDim = 384 };

    /// <summary>GPT-2 with 124 million parameters.</summary>
    public static GptConfig Gpt2Small { get; } = new();

    /// <summary>GPT-2 with 355 million parameters.</summary>
    public static GptConfig Gpt2Medium { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024 };

    /// <summary>GPT-2 with 774 million parameters.</summary>
    public static GptConfig Gpt2Large { get; } = new() { LayerCount = 36, HeadCount = 20, EmbeddingDim = 1280 };

    /// <summary>GPT-2 with 1558 million parameters.</summary>
    public static GptConfig Gpt2Xl { get; } = new() { LayerCount = 48, HeadCount = 25, EmbeddingDim = 1600 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, GptConfig> All { get; } = new Dictionary<string, GptConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["char"] = Char,
        ["gpt2-small"] = Gpt2Small,
        ["gpt2-medium"] = Gpt2Medium,
        ["gpt2-large"] = Gpt2Large,
        ["gpt2-xl"] = Gpt2Xl,
    };
}

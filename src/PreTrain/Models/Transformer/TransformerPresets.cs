using PreTrain.Modules;

namespace PreTrain.Models.Transformer;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class TransformerPresets
{
    /// <summary>2 + 2 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static TransformerConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 2, HeadCount = 4, EmbeddingDim = 128, FeedForwardDim = 512, Dropout = 0 };

    /// <summary>The paper's base model (Vaswani et al. 2017, table 3), with 63 million parameters.</summary>
    public static TransformerConfig Base { get; } = new();

    /// <summary>The paper's big model, with 214 million parameters.</summary>
    public static TransformerConfig Big { get; } = new() { HeadCount = 16, EmbeddingDim = 1024, FeedForwardDim = 4096, Dropout = 0.3 };

    /// <summary>OPUS-MT (Tiedemann and Thottingal 2020), with the vocabulary of English to German: 74 million parameters.</summary>
    public static TransformerConfig OpusMt { get; } = new() { VocabSize = 58101, Activation = Activation.Silu, PaddingId = 58100, EndId = 0, DecoderStartId = 58100, Writing = new() { IsEndForced = true, Forbidden = [[58100]] } };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, TransformerConfig> All { get; } = new Dictionary<string, TransformerConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["transformer-base"] = Base,
        ["transformer-big"] = Big,
        ["opus-mt"] = OpusMt,
    };
}

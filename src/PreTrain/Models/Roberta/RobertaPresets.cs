namespace PreTrain.Models.Roberta;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class RobertaPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static RobertaConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0 };

    /// <summary>RoBERTa-base, with 125 million parameters.</summary>
    public static RobertaConfig Base { get; } = new();

    /// <summary>RoBERTa-large, with 355 million parameters.</summary>
    public static RobertaConfig Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024 };

    /// <summary>XLM-R base, with 278 million parameters.</summary>
    public static RobertaConfig XlmBase { get; } = new() { VocabSize = 250002, IsMultilingual = true };

    /// <summary>XLM-R large, with 560 million parameters.</summary>
    public static RobertaConfig XlmLarge { get; } = Large with { VocabSize = 250002, IsMultilingual = true };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, RobertaConfig> All { get; } = new Dictionary<string, RobertaConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["roberta-base"] = Base,
        ["roberta-large"] = Large,
        ["xlm-roberta-base"] = XlmBase,
        ["xlm-roberta-large"] = XlmLarge,
    };
}

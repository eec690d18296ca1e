using PreTrain.Modules;

namespace PreTrain.Models.Ernie;

/// <summary>Named sizes. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class ErniePresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static ErnieConfig Nano { get; } = new() { VocabSize = 8192, ContextLength = 128, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0 };

    /// <summary>ERNIE 1.0 base for Chinese (Sun et al. 2019).</summary>
    public static ErnieConfig Base { get; } = new() { VocabSize = 18000, ContextLength = 513, Activation = Activation.Relu, NormEpsilon = 1e-5 };

    /// <summary>ERNIE 2.0 base for English (Sun et al. 2020).</summary>
    public static ErnieConfig English { get; } = new() { TokenTypeCount = 4, TaskTypeCount = 3, NormEpsilon = 1e-5 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, ErnieConfig> All { get; } = new Dictionary<string, ErnieConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["ernie-1.0"] = Base,
        ["ernie-2.0-en"] = English,
    };
}

namespace PreTrain.Models.Electra;

/// <summary>Named sizes of discriminators (Clark et al. 2020, table 6), and their generators. Vocabulary and context are usually changed with <c>with</c>.</summary>
public static class ElectraPresets
{
    /// <summary>4 layers × 128: learns real text in minutes on two CPU cores.</summary>
    public static ElectraConfig Nano { get; } =
        new() { VocabSize = 8192, ContextLength = 128, LayerCount = 4, HeadCount = 4, EmbeddingDim = 128, Dropout = 0, AttentionDropout = 0 };

    /// <summary>The small discriminator, with 14 million parameters.</summary>
    public static ElectraConfig Small { get; } = new();

    /// <summary>The base discriminator, with 110 million parameters.</summary>
    public static ElectraConfig Base { get; } = new() { HeadCount = 12, EmbeddingDim = 768, TokenEmbeddingDim = 768 };

    /// <summary>The large discriminator, with 335 million parameters.</summary>
    public static ElectraConfig Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024, TokenEmbeddingDim = 1024 };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, ElectraConfig> All { get; } = new Dictionary<string, ElectraConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["nano"] = Nano,
        ["electra-small"] = Small,
        ["electra-base"] = Base,
        ["electra-large"] = Large,
    };

    /// <summary>The generator that goes with a discriminator: of the same depth, and a fraction as wide and with as many heads less (Clark et al. 2020, section 3.2).</summary>
    /// <param name="discriminator">The discriminator.</param>
    /// <param name="divisor">By how much it is narrower: the paper's 4 for the small and large ones, 3 for the base one.</param>
    public static ElectraConfig GeneratorOf(ElectraConfig discriminator, int divisor = 4)
    {
        ArgumentNullException.ThrowIfNull(discriminator);
        if (divisor <= 0 || discriminator.HeadCount % divisor != 0 || discriminator.EmbeddingDim % divisor != 0 || discriminator.InnerDim % divisor != 0)
            throw new ArgumentException($"The divisor ({divisor}) must divide the heads ({discriminator.HeadCount}), the width ({discriminator.EmbeddingDim}) and the feed-forward width ({discriminator.InnerDim}).", nameof(divisor));
        return discriminator with
        {
            EmbeddingDim = discriminator.EmbeddingDim / divisor,
            HeadCount = discriminator.HeadCount / divisor,
            FeedForwardDim = discriminator.InnerDim / divisor,
            TokenEmbeddingDim = discriminator.TokenDim,
        };
    }
}

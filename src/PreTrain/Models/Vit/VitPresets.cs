namespace PreTrain.Models.Vit;

/// <summary>Named sizes. The size of the images, their patches and the classes are usually changed with <c>with</c>.</summary>
public static class VitPresets
{
    /// <summary>ViT-Ti/16 (Touvron et al. 2021, "Training data-efficient image transformers", table 1), with 6 million parameters.</summary>
    public static VitConfig Tiny { get; } = new() { HeadCount = 3, EmbeddingDim = 192 };

    /// <summary>ViT-S/16 (Touvron et al. 2021, table 1), with 22 million parameters.</summary>
    public static VitConfig Small { get; } = new() { HeadCount = 6, EmbeddingDim = 384 };

    /// <summary>ViT-B/16 (Dosovitskiy et al. 2021, table 1), with 86 million parameters.</summary>
    public static VitConfig Base { get; } = new();

    /// <summary>ViT-L/16 (Dosovitskiy et al. 2021, table 1), with 304 million parameters.</summary>
    public static VitConfig Large { get; } = new() { LayerCount = 24, HeadCount = 16, EmbeddingDim = 1024 };

    /// <summary>The masked autoencoder over ViT-B/16 (He et al. 2022), with 112 million parameters.</summary>
    public static VitConfig MaskedBase { get; } = Base with { NormalizesPixels = true };

    /// <summary>The masked autoencoder over ViT-L/16 (He et al. 2022), with 330 million parameters.</summary>
    public static VitConfig MaskedLarge { get; } = Large with { NormalizesPixels = true };

    /// <summary>All presets by the name that the tool takes.</summary>
    public static IReadOnlyDictionary<string, VitConfig> All { get; } = new Dictionary<string, VitConfig>(StringComparer.OrdinalIgnoreCase)
    {
        ["vit-tiny"] = Tiny,
        ["vit-small"] = Small,
        ["vit-base"] = Base,
        ["vit-large"] = Large,
        ["mae-base"] = MaskedBase,
        ["mae-large"] = MaskedLarge,
    };
}

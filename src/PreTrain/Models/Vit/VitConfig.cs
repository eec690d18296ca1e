using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models.Vit;

/// <summary>The architecture of a Vision Transformer (Dosovitskiy et al. 2021, section 3.1), and of the decoder beside it in a masked autoencoder (He et al. 2022, section 3).</summary>
public sealed record VitConfig
{
    /// <summary>Height and width of an image, in pixels. A multiple of <see cref="PatchSize"/>.</summary>
    /// <value>The default is 224.</value>
    public int ImageSize { get; init; } = 224;

    /// <summary>Height and width of a patch, in pixels.</summary>
    /// <value>The default is 16.</value>
    public int PatchSize { get; init; } = 16;

    /// <summary>The channels of an image.</summary>
    /// <value>The default is 3.</value>
    public int ChannelCount { get; init; } = 3;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 12.</value>
    public int LayerCount { get; init; } = 12;

    /// <summary>The attention heads of a block, H.</summary>
    /// <value>The default is 12.</value>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the residual stream, C. A multiple of <see cref="HeadCount"/>; in a masked autoencoder also of 4.</summary>
    /// <value>The default is 768.</value>
    public int EmbeddingDim { get; init; } = 768;

    /// <summary>Width of the feed-forward layer between its two maps; 0 means four times <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 0.</value>
    public int FeedForwardDim { get; init; }

    /// <summary>The function of the feed-forward layer.</summary>
    /// <value>The default is <see cref="Activation.Gelu"/>.</value>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>Whether the maps to queries, keys and values have biases.</summary>
    /// <value>The default is true.</value>
    public bool HasAttentionBias { get; init; } = true;

    /// <summary>The probability with which embeddings and sub-layer outputs are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double Dropout { get; init; }

    /// <summary>The probability with which attention weights are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double AttentionDropout { get; init; }

    /// <summary>The probability with which, in training, the last block's sub-layers are left out for an image; it grows evenly from the first block to the last (<see cref="Modules.DropPath"/>).</summary>
    /// <value>The default is 0.</value>
    public double DropPath { get; init; }

    /// <summary>Added to the variance in layer norms.</summary>
    /// <value>The default is 10⁻¹².</value>
    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>The standard deviation of initial weights.</summary>
    /// <value>The default is 0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The classes of the classification head.</summary>
    /// <value>The default is 2.</value>
    public int LabelCount { get; init; } = 2;

    /// <summary>The names of the classes, <see cref="LabelCount"/> of them; null for none.</summary>
    /// <value>The default is null.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>What a head of <see cref="ModelHead.ImageClassification"/> tells; null where nobody said it.</summary>
    /// <value>The default is null.</value>
    public ClassificationTask? Task { get; init; }

    /// <summary>The part of the patches that a masked autoencoder hides.</summary>
    /// <value>The default is 0.75.</value>
    public double MaskRatio { get; init; } = 0.75;

    /// <summary>Whether a masked autoencoder predicts the pixels of a patch less their mean, divided by their deviation (He et al. 2022, section 3).</summary>
    /// <value>The default is false.</value>
    public bool NormalizesPixels { get; init; }

    /// <summary>The number of blocks of the masked autoencoder's decoder.</summary>
    /// <value>The default is 8.</value>
    public int DecoderLayerCount { get; init; } = 8;

    /// <summary>The attention heads of its blocks.</summary>
    /// <value>The default is 16.</value>
    public int DecoderHeadCount { get; init; } = 16;

    /// <summary>Width of its residual stream. A multiple of <see cref="DecoderHeadCount"/> and of 4.</summary>
    /// <value>The default is 512.</value>
    public int DecoderEmbeddingDim { get; init; } = 512;

    /// <summary>Width of its feed-forward layers between their maps; 0 means four times <see cref="DecoderEmbeddingDim"/>.</summary>
    /// <value>The default is 0.</value>
    public int DecoderFeedForwardDim { get; init; }

    /// <summary>Width of a head, D.</summary>
    public int HeadDim => EmbeddingDim / HeadCount;

    /// <summary>Width of the feed-forward layer.</summary>
    public int InnerDim => FeedForwardDim == 0 ? 4 * EmbeddingDim : FeedForwardDim;

    /// <summary>Width of the decoder's feed-forward layer.</summary>
    public int DecoderInnerDim => DecoderFeedForwardDim == 0 ? 4 * DecoderEmbeddingDim : DecoderFeedForwardDim;

    /// <summary>The patches in a row of an image, and the rows of patches.</summary>
    public int GridSize => ImageSize / PatchSize;

    /// <summary>The patches of an image, P.</summary>
    public int PatchCount => GridSize * GridSize;

    /// <summary>The numbers of a patch: its pixels' channels.</summary>
    public int PatchDim => ChannelCount * PatchSize * PatchSize;

    /// <summary>The patches that a masked autoencoder's encoder sees, K.</summary>
    public int VisibleCount => (int)(PatchCount * (1 - MaskRatio));

    /// <summary>Checks the properties that every head needs.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate() => Validate(ModelHead.None);

    /// <summary>Checks the properties that a head needs.</summary>
    internal void Validate(ModelHead head)
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(ImageSize), ImageSize), (nameof(PatchSize), PatchSize), (nameof(ChannelCount), ChannelCount), (nameof(LayerCount), LayerCount),
            (nameof(HeadCount), HeadCount), (nameof(EmbeddingDim), EmbeddingDim), (nameof(LabelCount), LabelCount));
        rules.Divisible(nameof(ImageSize), ImageSize, nameof(PatchSize), PatchSize);
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Require(FeedForwardDim >= 0, $"{nameof(FeedForwardDim)} ({FeedForwardDim}) must be positive, or 0 for four times {nameof(EmbeddingDim)}.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(AttentionDropout), AttentionDropout), (nameof(DropPath), DropPath));
        rules.Positive((nameof(NormEpsilon), NormEpsilon), (nameof(InitializerRange), InitializerRange));
        if (head == ModelHead.MaskedAutoencoder)
        {
            rules.Positive((nameof(DecoderLayerCount), DecoderLayerCount), (nameof(DecoderHeadCount), DecoderHeadCount), (nameof(DecoderEmbeddingDim), DecoderEmbeddingDim));
            rules.Divisible(nameof(DecoderEmbeddingDim), DecoderEmbeddingDim, nameof(DecoderHeadCount), DecoderHeadCount);
            rules.Require(DecoderFeedForwardDim >= 0, $"{nameof(DecoderFeedForwardDim)} ({DecoderFeedForwardDim}) must be positive, or 0 for four times {nameof(DecoderEmbeddingDim)}.");
            foreach (var (name, width) in new[] { (nameof(EmbeddingDim), EmbeddingDim), (nameof(DecoderEmbeddingDim), DecoderEmbeddingDim) })
                rules.Require(width % 4 == 0, $"{name} ({width}) must be divisible by 4 in a masked autoencoder, for positions of rows and columns.");
            if (ImageSize > 0 && PatchSize > 0)
            {
                rules.Require(MaskRatio > 0 && MaskRatio < 1 && VisibleCount > 0 && VisibleCount < PatchCount,
                    $"{nameof(MaskRatio)} ({MaskRatio}) must leave some of the {PatchCount} patches and hide some.");
            }
        }
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

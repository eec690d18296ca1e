using PreTrain.Modules;

namespace PreTrain.Models.T5;

/// <summary>The architecture of a T5 model (Raffel et al. 2020, section 2.1), 1.0 or 1.1. Positions are relative, so it sets no longest sequence.</summary>
public sealed record T5Config
{
    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 32128.</value>
    public int VocabSize { get; init; } = 32128;

    /// <summary>The number of the encoder's blocks.</summary>
    /// <value>The default is 6.</value>
    public int LayerCount { get; init; } = 6;

    /// <summary>The number of the decoder's blocks; 0 means as many as the encoder's.</summary>
    /// <value>The default is 0.</value>
    public int DecoderLayerCount { get; init; }

    /// <summary>The heads of a block, H.</summary>
    /// <value>The default is 8.</value>
    public int HeadCount { get; init; } = 8;

    /// <summary>Width of the residual stream, C.</summary>
    /// <value>The default is 512.</value>
    public int EmbeddingDim { get; init; } = 512;

    /// <summary>Width of a head, D; H·D need not be C.</summary>
    /// <value>The default is 64.</value>
    public int HeadDim { get; init; } = 64;

    /// <summary>Width of the feed-forward layer between its maps.</summary>
    /// <value>The default is 2048.</value>
    public int FeedForwardDim { get; init; } = 2048;

    /// <summary>The function between the maps of the feed-forward layer.</summary>
    /// <value>The default is <see cref="Activation.Relu"/>; that of 1.1 is <see cref="Activation.GeluTanh"/>.</value>
    public Activation Activation { get; init; } = Activation.Relu;

    /// <summary>Whether a second map is multiplied with the function of the first (Shazeer 2020), as in 1.1.</summary>
    /// <value>The default is false.</value>
    public bool IsGated { get; init; }

    /// <summary>Whether the head is the token embedding; it is not in 1.1.</summary>
    /// <value>The default is true.</value>
    public bool IsHeadTied { get; init; } = true;

    /// <summary>Whether what the head is applied to is multiplied with C^−½; it is not in 1.1.</summary>
    /// <value>The default is true.</value>
    public bool IsHeadScaled { get; init; } = true;

    /// <summary>The different relative positions, in both directions together; even.</summary>
    /// <value>The default is 32.</value>
    public int BucketCount { get; init; } = 32;

    /// <summary>The distance from which on all are one, in tokens.</summary>
    /// <value>The default is 128.</value>
    public int MaxDistance { get; init; } = 128;

    /// <summary>The probability with which elements and attention weights are dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Added to the mean square in norms.</summary>
    /// <value>The default is 10⁻⁶.</value>
    public double NormEpsilon { get; init; } = 1e-6;

    /// <summary>What the standard deviations of initial weights are multiplied with.</summary>
    /// <value>The default is 1.</value>
    public double InitializerFactor { get; init; } = 1;

    /// <summary>The token that fills short sequences; null if there is none.</summary>
    /// <value>The default is 0.</value>
    public int? PaddingId { get; init; } = 0;

    /// <summary>The token that ends a sequence; null if there is none.</summary>
    /// <value>The default is 1.</value>
    public int? EndId { get; init; } = 1;

    /// <summary>The token that the decoder's sequences begin with.</summary>
    /// <value>The default is 0.</value>
    public int DecoderStartId { get; init; }

    /// <summary>Which tokens it must and must not write.</summary>
    /// <value>The default is none.</value>
    public WritingRules Writing { get; init; } = new();

    /// <summary>The decoder's blocks.</summary>
    internal int WrittenLayerCount => DecoderLayerCount == 0 ? LayerCount : DecoderLayerCount;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(LayerCount), LayerCount), (nameof(HeadCount), HeadCount), (nameof(EmbeddingDim), EmbeddingDim),
            (nameof(HeadDim), HeadDim), (nameof(FeedForwardDim), FeedForwardDim));
        rules.Require(DecoderLayerCount >= 0, $"{nameof(DecoderLayerCount)} ({DecoderLayerCount}) must be positive, or 0 for as many as the encoder's.");
        rules.Require(BucketCount >= 4 && BucketCount % 2 == 0, $"{nameof(BucketCount)} ({BucketCount}) must be even and at least 4.");
        rules.Require(MaxDistance > BucketCount / 2, $"{nameof(MaxDistance)} ({MaxDistance}) must be above half of {nameof(BucketCount)} ({BucketCount}), since that many distances have a bucket of their own.");
        rules.Require(!IsGated || Activation != Activation.Gelu, $"A gated layer with {nameof(Activation.Gelu)} has no name in config.json; use {nameof(Activation.GeluTanh)}, as T5 1.1 does.");
        rules.Probability((nameof(Dropout), Dropout));
        rules.Positive((nameof(NormEpsilon), NormEpsilon), (nameof(InitializerFactor), InitializerFactor));
        foreach (var (name, id) in new[] { (nameof(PaddingId), PaddingId), (nameof(EndId), EndId), (nameof(DecoderStartId), DecoderStartId) })
            rules.Require(id is null || (id >= 0 && id < VocabSize), $"{name} ({id}) must be a token, from 0 to {VocabSize - 1}.");
        Writing.Check(rules, VocabSize);
        rules.Finish();
    }
}

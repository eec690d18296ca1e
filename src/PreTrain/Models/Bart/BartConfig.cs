using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models.Bart;

/// <summary>The architecture of a BART model (Lewis et al. 2020, section 2.1).</summary>
public sealed record BartConfig
{
    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 50265.</value>
    public int VocabSize { get; init; } = 50265;

    /// <summary>The longest sequence of the source or the decoder, in tokens.</summary>
    /// <value>The default is 1024.</value>
    public int ContextLength { get; init; } = 1024;

    /// <summary>The number of the encoder's blocks.</summary>
    /// <value>The default is 12.</value>
    public int LayerCount { get; init; } = 12;

    /// <summary>The number of the decoder's blocks; 0 means as many as the encoder's.</summary>
    /// <value>The default is 0.</value>
    public int DecoderLayerCount { get; init; }

    /// <summary>The heads of a block of the encoder, H: a divisor of <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 16.</value>
    public int HeadCount { get; init; } = 16;

    /// <summary>The heads of a block of the decoder; 0 means as many as in the encoder.</summary>
    /// <value>The default is 0.</value>
    public int DecoderHeadCount { get; init; }

    /// <summary>Width of the hidden states, C.</summary>
    /// <value>The default is 1024.</value>
    public int EmbeddingDim { get; init; } = 1024;

    /// <summary>Width of the encoder's feed-forward layers between their maps.</summary>
    /// <value>The default is 4096.</value>
    public int FeedForwardDim { get; init; } = 4096;

    /// <summary>The same in the decoder; 0 means as in the encoder.</summary>
    /// <value>The default is 0.</value>
    public int DecoderFeedForwardDim { get; init; }

    /// <summary>The function between the maps of the feed-forward layer.</summary>
    /// <value>The default is <see cref="Activation.Gelu"/>.</value>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>Whether token embeddings are multiplied with √C.</summary>
    /// <value>The default is false.</value>
    public bool IsEmbeddingScaled { get; init; }

    /// <summary>The probability with which an element of the embeddings or of a sub-layer's output is dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>The probability with which an attention weight is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double AttentionDropout { get; init; }

    /// <summary>The probability with which an element between the maps of the feed-forward layer is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double ActivationDropout { get; init; }

    /// <summary>The probability with which an element is dropped before the maps of the classification head in training.</summary>
    /// <value>The default is 0.</value>
    public double ClassifierDropout { get; init; }

    /// <summary>The standard deviation of initial weights.</summary>
    /// <value>The default is 0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The classes of the classification head.</summary>
    /// <value>The default is 3.</value>
    public int LabelCount { get; init; } = 3;

    /// <summary>The names of the classes, <see cref="LabelCount"/> of them; null for none.</summary>
    /// <value>The default is null.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>What a head of <see cref="ModelHead.SequenceClassification"/> tells; null where nobody said it.</summary>
    /// <value>The default is null.</value>
    public ClassificationTask? Task { get; init; }

    /// <summary>The token that fills short sequences; null if there is none.</summary>
    /// <value>The default is 1.</value>
    public int? PaddingId { get; init; } = 1;

    /// <summary>The token that ends a sequence, from which a class is read; null if there is none.</summary>
    /// <value>The default is 2.</value>
    public int? EndId { get; init; } = 2;

    /// <summary>The token that the decoder's sequences begin with.</summary>
    /// <value>The default is 2.</value>
    public int DecoderStartId { get; init; } = 2;

    /// <summary>Which tokens it must and must not write.</summary>
    /// <value>The default forces the token that ends a sequence.</value>
    public WritingRules Writing { get; init; } = new() { IsEndForced = true };

    /// <summary>The decoder's blocks.</summary>
    internal int WrittenLayerCount => DecoderLayerCount == 0 ? LayerCount : DecoderLayerCount;

    /// <summary>What the encoder's blocks are like.</summary>
    internal PostNormBlockOptions EncoderBlock => new()
    {
        Width = EmbeddingDim,
        HeadCount = HeadCount,
        FeedForwardDim = FeedForwardDim,
        Activation = Activation,
        NormEpsilon = NormEpsilon,
        Dropout = Dropout,
        AttentionDropout = AttentionDropout,
        ActivationDropout = ActivationDropout,
    };

    /// <summary>What the decoder's blocks are like.</summary>
    internal PostNormBlockOptions DecoderBlock => EncoderBlock with
    {
        HeadCount = DecoderHeadCount == 0 ? HeadCount : DecoderHeadCount,
        FeedForwardDim = DecoderFeedForwardDim == 0 ? FeedForwardDim : DecoderFeedForwardDim,
    };

    /// <summary>Added to the variance in norms; config.json has no name for it.</summary>
    internal const double NormEpsilon = 1e-5;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(LayerCount), LayerCount), (nameof(HeadCount), HeadCount),
            (nameof(EmbeddingDim), EmbeddingDim), (nameof(FeedForwardDim), FeedForwardDim), (nameof(LabelCount), LabelCount));
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(DecoderHeadCount), DecoderHeadCount);
        foreach (var (name, value) in new[] { (nameof(DecoderLayerCount), DecoderLayerCount), (nameof(DecoderHeadCount), DecoderHeadCount), (nameof(DecoderFeedForwardDim), DecoderFeedForwardDim) })
            rules.Require(value >= 0, $"{name} ({value}) must be positive, or 0 for the encoder's.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(AttentionDropout), AttentionDropout), (nameof(ActivationDropout), ActivationDropout), (nameof(ClassifierDropout), ClassifierDropout));
        rules.Positive((nameof(InitializerRange), InitializerRange));
        foreach (var (name, id) in new[] { (nameof(PaddingId), PaddingId), (nameof(EndId), EndId), (nameof(DecoderStartId), DecoderStartId) })
            rules.Require(id is null || (id >= 0 && id < VocabSize), $"{name} ({id}) must be a token, from 0 to {VocabSize - 1}.");
        rules.Labels(LabelCount, Labels);
        Writing.Check(rules, VocabSize);
        rules.Finish();
    }
}

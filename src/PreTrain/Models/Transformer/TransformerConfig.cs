using PreTrain.Modules;

namespace PreTrain.Models.Transformer;

/// <summary>The architecture of the original Transformer (Vaswani et al. 2017, section 3), and of Marian's models (Junczys-Dowmunt et al. 2018).</summary>
public sealed record TransformerConfig
{
    /// <summary>The number of different tokens of the source, and of the decoder unless it has its own.</summary>
    /// <value>The default is 37000, as in the paper's section 5.1.</value>
    public int VocabSize { get; init; } = 37000;

    /// <summary>The number of different tokens of a decoder with a vocabulary of its own; 0 where source and decoder share one vocabulary and its embedding.</summary>
    /// <value>The default is 0.</value>
    public int DecoderVocabSize { get; init; }

    /// <summary>The longest sequence of the source or the decoder, in tokens.</summary>
    /// <value>The default is 512.</value>
    public int ContextLength { get; init; } = 512;

    /// <summary>The number of the encoder's blocks.</summary>
    /// <value>The default is 6.</value>
    public int LayerCount { get; init; } = 6;

    /// <summary>The number of the decoder's blocks; 0 means as many as the encoder's.</summary>
    /// <value>The default is 0.</value>
    public int DecoderLayerCount { get; init; }

    /// <summary>The heads of a block of the encoder, H: a divisor of <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 8.</value>
    public int HeadCount { get; init; } = 8;

    /// <summary>The heads of a block of the decoder; 0 means as many as in the encoder.</summary>
    /// <value>The default is 0.</value>
    public int DecoderHeadCount { get; init; }

    /// <summary>Width of the hidden states, C.</summary>
    /// <value>The default is 512.</value>
    public int EmbeddingDim { get; init; } = 512;

    /// <summary>Width of the encoder's feed-forward layers between their maps.</summary>
    /// <value>The default is 2048.</value>
    public int FeedForwardDim { get; init; } = 2048;

    /// <summary>The same in the decoder; 0 means as in the encoder.</summary>
    /// <value>The default is 0.</value>
    public int DecoderFeedForwardDim { get; init; }

    /// <summary>The function between the maps of the feed-forward layer.</summary>
    /// <value>The default is <see cref="Activation.Relu"/>.</value>
    public Activation Activation { get; init; } = Activation.Relu;

    /// <summary>Whether token embeddings are multiplied with √C.</summary>
    /// <value>The default is true.</value>
    public bool IsEmbeddingScaled { get; init; } = true;

    /// <summary>The probability with which an element of the embeddings or of a sub-layer's output is dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>The probability with which an attention weight is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double AttentionDropout { get; init; }

    /// <summary>The probability with which an element between the maps of the feed-forward layer is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double ActivationDropout { get; init; }

    /// <summary>The standard deviation of initial weights.</summary>
    /// <value>The default is 0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The token that fills short sequences; null if there is none.</summary>
    /// <value>The default is 0.</value>
    public int? PaddingId { get; init; } = 0;

    /// <summary>The token that ends a sequence; null if there is none.</summary>
    /// <value>The default is 1.</value>
    public int? EndId { get; init; } = 1;

    /// <summary>The token that the decoder's sequences begin with.</summary>
    /// <value>The default is 0.</value>
    public int DecoderStartId { get; init; }

    /// <summary>Which tokens it must and must not write. Marian has no score for padding, and its folders forbid it.</summary>
    /// <value>The default forces the token that ends a sequence.</value>
    public WritingRules Writing { get; init; } = new() { IsEndForced = true };

    /// <summary>Whether source and decoder share one embedding.</summary>
    internal bool IsEmbeddingShared => DecoderVocabSize <= 0;

    /// <summary>The decoder's tokens, V.</summary>
    internal int WrittenVocabSize => IsEmbeddingShared ? VocabSize : DecoderVocabSize;

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
            (nameof(EmbeddingDim), EmbeddingDim), (nameof(FeedForwardDim), FeedForwardDim));
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(DecoderHeadCount), DecoderHeadCount);
        foreach (var (name, value) in new[] { (nameof(DecoderLayerCount), DecoderLayerCount), (nameof(DecoderHeadCount), DecoderHeadCount), (nameof(DecoderFeedForwardDim), DecoderFeedForwardDim) })
            rules.Require(value >= 0, $"{name} ({value}) must be positive, or 0 for the encoder's.");
        rules.Require(DecoderVocabSize >= 0, $"{nameof(DecoderVocabSize)} ({DecoderVocabSize}) must be positive, or 0 for the source's vocabulary.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(AttentionDropout), AttentionDropout), (nameof(ActivationDropout), ActivationDropout));
        rules.Positive((nameof(InitializerRange), InitializerRange));
        foreach (var (name, id) in new[] { (nameof(PaddingId), PaddingId), (nameof(EndId), EndId), (nameof(DecoderStartId), DecoderStartId) })
            rules.Require(id is null || (id >= 0 && id < WrittenVocabSize), $"{name} ({id}) must be a token of the decoder, from 0 to {WrittenVocabSize - 1}.");
        Writing.Check(rules, WrittenVocabSize);
        rules.Finish();
    }
}

using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models.Electra;

/// <summary>The architecture of an ELECTRA generator or discriminator (Clark et al. 2020).</summary>
public sealed record ElectraConfig
{
    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 30522, that of the uncased English models.</value>
    public int VocabSize { get; init; } = 30522;

    /// <summary>The longest sequence, in tokens.</summary>
    /// <value>The default is 512.</value>
    public int ContextLength { get; init; } = 512;

    /// <summary>The number of different segments.</summary>
    /// <value>The default is 2.</value>
    public int TokenTypeCount { get; init; } = 2;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 12.</value>
    public int LayerCount { get; init; } = 12;

    /// <summary>The attention heads of a block, H.</summary>
    /// <value>The default is 4.</value>
    public int HeadCount { get; init; } = 4;

    /// <summary>Width of the residual stream, C. A multiple of <see cref="HeadCount"/>.</summary>
    /// <value>The default is 256.</value>
    public int EmbeddingDim { get; init; } = 256;

    /// <summary>Width of the token embeddings, E, which generator and discriminator share; 0 means <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 128.</value>
    public int TokenEmbeddingDim { get; init; } = 128;

    /// <summary>Width of the feed-forward layer between its two maps; 0 means four times <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 0.</value>
    public int FeedForwardDim { get; init; }

    /// <summary>The function of the feed-forward layer and of the discriminator's head.</summary>
    /// <value>The default is <see cref="Activation.Gelu"/>.</value>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>The probability with which embeddings and sub-layer outputs are dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>The probability with which attention weights are dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>The probability with which elements are dropped before a classifier in training; null for <see cref="Dropout"/>.</summary>
    /// <value>The default is null.</value>
    public double? ClassifierDropout { get; init; }

    /// <summary>Added to the variance in layer norms.</summary>
    /// <value>The default is 10⁻¹².</value>
    public double NormEpsilon { get; init; } = 1e-12;

    /// <summary>The standard deviation of initial weights.</summary>
    /// <value>The default is 0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The classes of the classification heads.</summary>
    /// <value>The default is 2.</value>
    public int LabelCount { get; init; } = 2;

    /// <summary>The names of the classes, <see cref="LabelCount"/> of them; null for none.</summary>
    /// <value>The default is null.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>What a head of <see cref="ModelHead.SequenceClassification"/> tells; null where nobody said it.</summary>
    /// <value>The default is null.</value>
    public ClassificationTask? Task { get; init; }

    /// <summary>The token that fills short sequences; its embedding starts at zero.</summary>
    /// <value>The default is 0.</value>
    public int PaddingId { get; init; }

    /// <summary>Width of a head, D.</summary>
    public int HeadDim => EmbeddingDim / HeadCount;

    /// <summary>Width of the token embeddings.</summary>
    public int TokenDim => TokenEmbeddingDim == 0 ? EmbeddingDim : TokenEmbeddingDim;

    /// <summary>Width of the feed-forward layer.</summary>
    public int InnerDim => FeedForwardDim == 0 ? 4 * EmbeddingDim : FeedForwardDim;

    /// <summary>The sizes of the encoder.</summary>
    internal PostNormEncoderOptions ToEncoder() => new()
    {
        VocabSize = VocabSize,
        PositionCount = ContextLength,
        TypeCount = TokenTypeCount,
        LayerCount = LayerCount,
        EmbeddingWidth = TokenDim,
        Block = new PostNormBlockOptions
        {
            Width = EmbeddingDim,
            HeadCount = HeadCount,
            FeedForwardDim = InnerDim,
            Activation = Activation,
            NormEpsilon = NormEpsilon,
            Dropout = Dropout,
            AttentionDropout = AttentionDropout,
        },
    };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(TokenTypeCount), TokenTypeCount), (nameof(LayerCount), LayerCount),
            (nameof(HeadCount), HeadCount), (nameof(EmbeddingDim), EmbeddingDim), (nameof(LabelCount), LabelCount));
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Require(FeedForwardDim >= 0, $"{nameof(FeedForwardDim)} ({FeedForwardDim}) must be positive, or 0 for four times {nameof(EmbeddingDim)}.");
        rules.Require(TokenEmbeddingDim >= 0, $"{nameof(TokenEmbeddingDim)} ({TokenEmbeddingDim}) must be positive, or 0 for {nameof(EmbeddingDim)}.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(AttentionDropout), AttentionDropout), (nameof(ClassifierDropout), ClassifierDropout ?? 0));
        rules.Positive((nameof(NormEpsilon), NormEpsilon), (nameof(InitializerRange), InitializerRange));
        rules.Require(PaddingId >= 0 && PaddingId < VocabSize, $"{nameof(PaddingId)} ({PaddingId}) must be a token, from 0 to {VocabSize - 1}.");
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

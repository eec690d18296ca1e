using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models.DistilBert;

/// <summary>The architecture of a DistilBERT encoder: BERT's with half of the layers, and neither segments nor pooler (Sanh et al. 2019, section 3).</summary>
public sealed record DistilBertConfig
{
    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 30522, that of the uncased English models.</value>
    public int VocabSize { get; init; } = 30522;

    /// <summary>The longest sequence, in tokens.</summary>
    /// <value>The default is 512.</value>
    public int ContextLength { get; init; } = 512;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 6.</value>
    public int LayerCount { get; init; } = 6;

    /// <summary>The attention heads of a block, H.</summary>
    /// <value>The default is 12.</value>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the residual stream, C. A multiple of <see cref="HeadCount"/>.</summary>
    /// <value>The default is 768.</value>
    public int EmbeddingDim { get; init; } = 768;

    /// <summary>Width of the feed-forward layer between its two maps; 0 means four times <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 0.</value>
    public int FeedForwardDim { get; init; }

    /// <summary>The function of the feed-forward layer and of the masked language model's head.</summary>
    /// <value>The default is <see cref="Activation.Gelu"/>.</value>
    public Activation Activation { get; init; } = Activation.Gelu;

    /// <summary>The probability with which embeddings and the outputs of feed-forward layers are dropped in training; attention's output is not dropped.</summary>
    /// <value>The default is 0.1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>The probability with which attention weights are dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double AttentionDropout { get; init; } = 0.1;

    /// <summary>The probability with which the features of a sequence classifier are dropped in training.</summary>
    /// <value>The default is 0.2.</value>
    public double ClassifierDropout { get; init; } = 0.2;

    /// <summary>The probability with which the features of the question answering head are dropped in training.</summary>
    /// <value>The default is 0.1.</value>
    public double AnswerDropout { get; init; } = 0.1;

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

    /// <summary>Width of the feed-forward layer.</summary>
    public int InnerDim => FeedForwardDim == 0 ? 4 * EmbeddingDim : FeedForwardDim;

    /// <summary>The sizes of the encoder.</summary>
    internal PostNormEncoderOptions ToEncoder() => new()
    {
        VocabSize = VocabSize,
        PositionCount = ContextLength,
        TypeCount = 0,
        LayerCount = LayerCount,
        Block = new PostNormBlockOptions
        {
            Width = EmbeddingDim,
            HeadCount = HeadCount,
            FeedForwardDim = InnerDim,
            Activation = Activation,
            NormEpsilon = NormEpsilon,
            Dropout = Dropout,
            AttentionDropout = AttentionDropout,
            DropsAttentionOutput = false,
        },
    };

    /// <summary>Added to the variance in layer norms; no checkpoint has another.</summary>
    internal const double NormEpsilon = 1e-12;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(LayerCount), LayerCount),
            (nameof(HeadCount), HeadCount), (nameof(EmbeddingDim), EmbeddingDim), (nameof(LabelCount), LabelCount));
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Require(FeedForwardDim >= 0, $"{nameof(FeedForwardDim)} ({FeedForwardDim}) must be positive, or 0 for four times {nameof(EmbeddingDim)}.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(AttentionDropout), AttentionDropout), (nameof(ClassifierDropout), ClassifierDropout), (nameof(AnswerDropout), AnswerDropout));
        rules.Positive((nameof(InitializerRange), InitializerRange));
        rules.Require(PaddingId >= 0 && PaddingId < VocabSize, $"{nameof(PaddingId)} ({PaddingId}) must be a token, from 0 to {VocabSize - 1}.");
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

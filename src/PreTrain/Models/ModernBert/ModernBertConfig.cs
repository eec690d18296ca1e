using PreTrain.Data;

namespace PreTrain.Models.ModernBert;

/// <summary>The architecture of a ModernBERT model (Warner et al. 2024, section 2.1).</summary>
public sealed record ModernBertConfig
{
    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 50368.</value>
    public int VocabSize { get; init; } = 50368;

    /// <summary>The longest sequence, in tokens.</summary>
    /// <value>The default is 8192.</value>
    public int ContextLength { get; init; } = 8192;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 22.</value>
    public int LayerCount { get; init; } = 22;

    /// <summary>The attention heads of a block, H.</summary>
    /// <value>The default is 12.</value>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the residual stream, C. A multiple of <see cref="HeadCount"/>.</summary>
    /// <value>The default is 768.</value>
    public int EmbeddingDim { get; init; } = 768;

    /// <summary>Width of the gated feed-forward layer between its maps.</summary>
    /// <value>The default is 1152.</value>
    public int FeedForwardDim { get; init; } = 1152;

    /// <summary>Every so many-th block, from the first on, attends to all tokens, the others to a window.</summary>
    /// <value>The default is 3.</value>
    public int GlobalEveryLayers { get; init; } = 3;

    /// <summary>The window of local attention, in tokens; half of it to either side.</summary>
    /// <value>The default is 128.</value>
    public int LocalWindow { get; init; } = 128;

    /// <summary>The base of the rotary frequencies of blocks that attend to all tokens.</summary>
    /// <value>The default is 160,000.</value>
    public double GlobalRotaryBase { get; init; } = 160_000;

    /// <summary>The base of the rotary frequencies of blocks that attend to a window.</summary>
    /// <value>The default is 10,000.</value>
    public double LocalRotaryBase { get; init; } = 10_000;

    /// <summary>Added to the variance in layer norms.</summary>
    /// <value>The default is 10⁻⁵.</value>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The probability with which embeddings are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double EmbeddingDropout { get; init; }

    /// <summary>The probability with which attention weights and outputs are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double AttentionDropout { get; init; }

    /// <summary>The probability with which elements of the feed-forward layer are dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double FeedForwardDropout { get; init; }

    /// <summary>The probability with which elements are dropped before the classifier in training.</summary>
    /// <value>The default is 0.</value>
    public double ClassifierDropout { get; init; }

    /// <summary>Whether a sequence is classified by the mean of its hidden states, and not by the first.</summary>
    /// <value>The default is false.</value>
    public bool UsesMeanPooling { get; init; }

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
    /// <value>The default is 50283.</value>
    public int PaddingId { get; init; } = 50283;

    /// <summary>Width of a head, D.</summary>
    public int HeadDim => EmbeddingDim / HeadCount;

    /// <summary>Whether a block attends to all tokens.</summary>
    internal bool IsGlobal(int layer) => layer % GlobalEveryLayers == 0;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(LayerCount), LayerCount), (nameof(HeadCount), HeadCount), (nameof(EmbeddingDim), EmbeddingDim),
            (nameof(FeedForwardDim), FeedForwardDim), (nameof(GlobalEveryLayers), GlobalEveryLayers), (nameof(LocalWindow), LocalWindow), (nameof(LabelCount), LabelCount));
        rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        if (HeadCount > 0) rules.Require(HeadDim % 2 == 0, $"The width of a head ({HeadDim}) must be even, for rotary positions.");
        rules.Positive((nameof(GlobalRotaryBase), GlobalRotaryBase), (nameof(LocalRotaryBase), LocalRotaryBase), (nameof(NormEpsilon), NormEpsilon), (nameof(InitializerRange), InitializerRange));
        rules.Probability((nameof(EmbeddingDropout), EmbeddingDropout), (nameof(AttentionDropout), AttentionDropout), (nameof(FeedForwardDropout), FeedForwardDropout),
            (nameof(ClassifierDropout), ClassifierDropout));
        rules.Require(PaddingId >= 0 && PaddingId < VocabSize, $"{nameof(PaddingId)} ({PaddingId}) must be a token, from 0 to {VocabSize - 1}.");
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

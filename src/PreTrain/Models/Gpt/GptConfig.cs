using PreTrain.Data;

namespace PreTrain.Models.Gpt;

/// <summary>The architecture of a GPT-2 model (Radford et al. 2019).</summary>
public sealed record GptConfig
{
    /// <summary>The number of different tokens.</summary>
    /// <value>The default is 50257, GPT-2's.</value>
    public int VocabSize { get; init; } = 50257;

    /// <summary>The longest sequence, in tokens.</summary>
    /// <value>The default is 1024.</value>
    public int ContextLength { get; init; } = 1024;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 12.</value>
    public int LayerCount { get; init; } = 12;

    /// <summary>The number of attention heads of a block, H.</summary>
    /// <value>The default is 12.</value>
    public int HeadCount { get; init; } = 12;

    /// <summary>Width of the residual stream, C.</summary>
    /// <value>The default is 768.</value>
    public int EmbeddingDim { get; init; } = 768;

    /// <summary>
    /// Width of a head; 0 means <see cref="EmbeddingDim"/> / <see cref="HeadCount"/>. Another one is that of a model whose heads were pruned: <c>config.json</c> has it as <c>head_dim</c> then, which
    /// transformers does not know of a GPT-2.
    /// </summary>
    /// <value>The default is 0.</value>
    public int HeadWidth { get; init; }

    /// <summary>Width of the feed-forward layer between its two maps; 0 means four times <see cref="EmbeddingDim"/>.</summary>
    /// <value>The default is 0.</value>
    public int FeedForwardDim { get; init; }

    /// <summary>The probability with which sub-layer outputs are dropped in training, and embeddings and attention weights where nothing else is said.</summary>
    /// <value>The default is 0, as usual in pre-training on much data; GPT-2 itself used 0.1.</value>
    public double Dropout { get; init; }

    /// <summary>The probability with which embeddings are dropped in training; null for <see cref="Dropout"/>.</summary>
    /// <value>The default is null.</value>
    public double? EmbeddingDropout { get; init; }

    /// <summary>The probability with which attention weights are dropped in training; null for <see cref="Dropout"/>.</summary>
    /// <value>The default is null.</value>
    public double? AttentionDropout { get; init; }

    /// <summary>Added to the variance in layer norms.</summary>
    /// <value>The default is 10⁻⁵.</value>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The standard deviation of initial weights; the last map of each sub-layer gets it divided by √(2·<see cref="LayerCount"/>).</summary>
    /// <value>The default is 0.02.</value>
    public double InitializerRange { get; init; } = 0.02;

    /// <summary>The classes of the classification head.</summary>
    /// <value>The default is 2.</value>
    public int LabelCount { get; init; } = 2;

    /// <summary>The names of the classes, <see cref="LabelCount"/> of them; null for none.</summary>
    /// <value>The default is null.</value>
    public LabelSet? Labels { get; init; }

    /// <summary>What a head of <see cref="ModelHead.SequenceClassification"/> tells; null where nobody said it.</summary>
    /// <value>The default is null.</value>
    public ClassificationTask? Task { get; init; }

    /// <summary>The token that fills short sequences; null if there is none.</summary>
    /// <value>The default is null, as in GPT-2.</value>
    public int? PaddingId { get; init; }

    /// <summary>The token that a sequence begins with, for those who read the folder; null if there is none.</summary>
    /// <value>The default is null.</value>
    public int? BeginId { get; init; }

    /// <summary>The tokens of which each ends a text that the model writes: of a folder those of <c>config.json</c> and of <c>generation_config.json</c>.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<int> EndIds { get; init => field = new TokenIds(value); } = TokenIds.None;

    /// <summary>Width of a head, D.</summary>
    public int HeadDim => HeadWidth == 0 ? EmbeddingDim / HeadCount : HeadWidth;

    /// <summary>Width of the feed-forward layer.</summary>
    public int InnerDim => FeedForwardDim == 0 ? 4 * EmbeddingDim : FeedForwardDim;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(LayerCount), LayerCount), (nameof(HeadCount), HeadCount),
            (nameof(EmbeddingDim), EmbeddingDim));
        if (HeadWidth == 0) rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Require(HeadWidth >= 0, $"{nameof(HeadWidth)} ({HeadWidth}) must be positive, or 0 for {nameof(EmbeddingDim)} / {nameof(HeadCount)}.");
        rules.Require(FeedForwardDim >= 0, $"{nameof(FeedForwardDim)} ({FeedForwardDim}) must be positive, or 0 for four times {nameof(EmbeddingDim)}.");
        rules.Probability((nameof(Dropout), Dropout), (nameof(EmbeddingDropout), EmbeddingDropout ?? 0), (nameof(AttentionDropout), AttentionDropout ?? 0));
        rules.Positive((nameof(NormEpsilon), NormEpsilon), (nameof(InitializerRange), InitializerRange));
        rules.Positive((nameof(LabelCount), LabelCount));
        // Tokens that are not in the vocabulary are in folders that work.
        rules.Require(PaddingId is null or >= 0, $"{nameof(PaddingId)} ({PaddingId}) must not be negative.");
        rules.Require(BeginId is null or >= 0, $"{nameof(BeginId)} ({BeginId}) must not be negative.");
        rules.Require(EndIds.All(id => id >= 0), $"{nameof(EndIds)} ({string.Join(", ", EndIds)}) must not be negative.");
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

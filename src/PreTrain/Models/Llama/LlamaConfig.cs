using PreTrain.Data;
using PreTrain.Modules;

namespace PreTrain.Models.Llama;

/// <summary>The architecture of a Llama model (Touvron et al. 2023, section 2.2), or of Mistral, Qwen2 or Qwen3.</summary>
public sealed record LlamaConfig
{
    /// <summary>Which of the families it is.</summary>
    /// <value>The default is <see cref="LlamaVariant.Llama"/>.</value>
    public LlamaVariant Variant { get; init; }

    /// <summary>The number of different tokens, V.</summary>
    /// <value>The default is 32000.</value>
    public int VocabSize { get; init; } = 32000;

    /// <summary>The longest sequence, in tokens.</summary>
    /// <value>The default is 2048.</value>
    public int ContextLength { get; init; } = 2048;

    /// <summary>The number of blocks.</summary>
    /// <value>The default is 32.</value>
    public int LayerCount { get; init; } = 32;

    /// <summary>The query heads of a block, H.</summary>
    /// <value>The default is 32.</value>
    public int HeadCount { get; init; } = 32;

    /// <summary>The key-value heads of a block, G: a divisor of <see cref="HeadCount"/>; 0 means as many (Ainslie et al. 2023).</summary>
    /// <value>The default is 0.</value>
    public int KeyValueHeadCount { get; init; }

    /// <summary>Width of the residual stream, C.</summary>
    /// <value>The default is 4096.</value>
    public int EmbeddingDim { get; init; } = 4096;

    /// <summary>Width of a head, even; 0 means <see cref="EmbeddingDim"/> / <see cref="HeadCount"/>.</summary>
    /// <value>The default is 0.</value>
    public int HeadWidth { get; init; }

    /// <summary>Width of the gated feed-forward layer between its maps.</summary>
    /// <value>The default is 11008.</value>
    public int FeedForwardDim { get; init; } = 11008;

    /// <summary>Added to the mean square in norms.</summary>
    /// <value>The default is 10⁻⁵.</value>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>The base of the rotary frequencies.</summary>
    /// <value>The default is 10,000.</value>
    public double RotaryBase { get; init; } = 10_000;

    /// <summary>How rotary frequencies are stretched; null for not at all.</summary>
    /// <value>The default is null.</value>
    public RotaryScaling? RotaryScaling { get; init; }

    /// <summary>The positions that a token sees, its own included; 0 for all before it.</summary>
    /// <value>The default is 0.</value>
    public int SlidingWindow { get; init; }

    /// <summary>Whether the maps of attention have biases; in a Qwen2 those to queries, keys and values always do, and that of the output never, and a Mistral has none.</summary>
    /// <value>The default is false.</value>
    public bool HasAttentionBias { get; init; }

    /// <summary>Whether the head is the token embedding.</summary>
    /// <value>The default is false.</value>
    public bool IsHeadTied { get; init; }

    /// <summary>The probability with which an attention weight is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double AttentionDropout { get; init; }

    /// <summary>The standard deviation of initial weights.</summary>
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
    /// <value>The default is null.</value>
    public int? PaddingId { get; init; }

    /// <summary>The token that a sequence begins with, for those who read the folder; null if there is none.</summary>
    /// <value>The default is null.</value>
    public int? BeginId { get; init; }

    /// <summary>The tokens of which each ends a text that the model writes: of a folder those of <c>config.json</c> and of <c>generation_config.json</c>.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<int> EndIds { get; init => field = new TokenIds(value); } = TokenIds.None;

    /// <summary>The key-value heads.</summary>
    public int SharedHeadCount => KeyValueHeadCount == 0 ? HeadCount : KeyValueHeadCount;

    /// <summary>Width of a head, D.</summary>
    public int HeadDim => HeadWidth == 0 ? EmbeddingDim / HeadCount : HeadWidth;

    /// <summary>Whether the maps to queries, keys and values have biases.</summary>
    internal bool HasInputBias => Variant == LlamaVariant.Qwen2 || HasAttentionBias;

    /// <summary>Whether the map of attention's output has a bias.</summary>
    internal bool HasOutputBias => Variant != LlamaVariant.Qwen2 && HasAttentionBias;

    /// <summary>Whether queries and keys are normalized, head by head.</summary>
    internal bool HasHeadNorms => Variant == LlamaVariant.Qwen3;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        rules.Positive((nameof(VocabSize), VocabSize), (nameof(ContextLength), ContextLength), (nameof(LayerCount), LayerCount), (nameof(HeadCount), HeadCount),
            (nameof(EmbeddingDim), EmbeddingDim), (nameof(FeedForwardDim), FeedForwardDim), (nameof(LabelCount), LabelCount));
        rules.Require(KeyValueHeadCount >= 0 && (KeyValueHeadCount == 0 || HeadCount <= 0 || HeadCount % KeyValueHeadCount == 0),
            $"{nameof(KeyValueHeadCount)} ({KeyValueHeadCount}) must divide {nameof(HeadCount)} ({HeadCount}), or be 0 for as many.");
        if (HeadWidth == 0) rules.Divisible(nameof(EmbeddingDim), EmbeddingDim, nameof(HeadCount), HeadCount);
        rules.Require(HeadWidth >= 0, $"{nameof(HeadWidth)} ({HeadWidth}) must be positive, or 0 for {nameof(EmbeddingDim)} / {nameof(HeadCount)}.");
        if (HeadCount > 0) rules.Require(HeadDim % 2 == 0, $"The width of a head ({HeadDim}) must be even, for rotary positions.");
        rules.Positive((nameof(NormEpsilon), NormEpsilon), (nameof(RotaryBase), RotaryBase), (nameof(InitializerRange), InitializerRange));
        rules.Require(RotaryScaling is null || RotaryScaling.Factor > 0, $"{nameof(RotaryScaling)} has the factor {RotaryScaling?.Factor}, which must be positive.");
        rules.Require(Variant != LlamaVariant.Mistral || !HasAttentionBias, $"{nameof(HasAttentionBias)} ({HasAttentionBias}) must be false for a {nameof(LlamaVariant.Mistral)}, whose readers know none with biases.");
        rules.Require(SlidingWindow >= 0, $"{nameof(SlidingWindow)} ({SlidingWindow}) must be positive, or 0 for none.");
        rules.Probability((nameof(AttentionDropout), AttentionDropout));
        rules.Require(PaddingId is null || (PaddingId >= 0 && PaddingId < VocabSize), $"{nameof(PaddingId)} ({PaddingId}) must be a token, from 0 to {VocabSize - 1}.");
        // Tokens that are not in the vocabulary are in folders that work.
        rules.Require(BeginId is null or >= 0, $"{nameof(BeginId)} ({BeginId}) must not be negative.");
        rules.Require(EndIds.All(id => id >= 0), $"{nameof(EndIds)} ({string.Join(", ", EndIds)}) must not be negative.");
        rules.Labels(LabelCount, Labels);
        rules.Finish();
    }
}

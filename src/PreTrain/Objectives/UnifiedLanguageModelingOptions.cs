using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>How <see cref="UnifiedLanguageModeling"/> works.</summary>
public sealed record UnifiedLanguageModelingOptions
{
    /// <summary>What is masked.</summary>
    /// <value>The default is BERT's: 15 % of the tokens (Dong et al. 2019, section 2.5).</value>
    public MaskingOptions Masking { get; init; } = new();

    /// <summary>The share of the rows whose tokens all see each other.</summary>
    /// <value>The default is a third (Dong et al. 2019, section 2.5).</value>
    public double BidirectionalShare { get; init; } = 1.0 / 3;

    /// <summary>The share of the rows whose tokens see those before them.</summary>
    /// <value>The default is a third. The paper gives half of it to models from right to left.</value>
    public double CausalShare { get; init; } = 1.0 / 3;

    /// <summary>The share of the rows in two parts: the first seen from both sides, the second from left to right.</summary>
    public double SequenceToSequenceShare => 1 - BidirectionalShare - CausalShare;

    /// <summary>The longest row, with the tokens around its parts; null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of tokens at the store's end that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Checks all values but those of <see cref="Masking"/>.</summary>
    /// <exception cref="ArgumentException">The shares are out of range.</exception>
    public void Validate()
    {
        if (!(BidirectionalShare >= 0 && CausalShare >= 0 && SequenceToSequenceShare >= -1e-9))
            throw new ArgumentException($"{nameof(BidirectionalShare)} ({BidirectionalShare}) and {nameof(CausalShare)} ({CausalShare}) must not be negative, nor sum to more than 1.");
    }
}

using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>How masked language modelling works.</summary>
public sealed record MaskedLanguageModelingOptions
{
    /// <summary>What is masked.</summary>
    /// <value>The default is BERT's: 15 % of the tokens.</value>
    public MaskingOptions Masking { get; init; } = new();

    /// <summary>The longest row, with the tokens around a text; null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of tokens at the store's end that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;
}

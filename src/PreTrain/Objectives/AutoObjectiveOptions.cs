using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>What of an <see cref="AutoObjective"/> can be chosen; what does not belong to a model's objective is not looked at.</summary>
public sealed record AutoObjectiveOptions
{
    /// <summary>The share of tokens at the end of the text that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>The longest row, special tokens included; null for the model's context, or 512 where it has no end.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>What a model that reads and writes learns; null for what its tokenizer was made for (<see cref="AutoObjective.WritingFor"/>).</summary>
    /// <value>The default is null.</value>
    public WritingObjective? Writing { get; init; }

    /// <summary>How tokens are hidden; of lost spans the rate alone counts.</summary>
    /// <value>The default is null: 15 % of the tokens, and of a text that is written anew 30 % (Lewis et al. 2020, section 2.2).</value>
    public MaskingOptions? Masking { get; init; }

    /// <summary>The mean length of lost spans, in tokens.</summary>
    /// <value>The default is 3.</value>
    public double MeanSpanLength { get; init; } = 3;
}

namespace PreTrain.Objectives;

/// <summary>Which rows a model that reads and writes is trained on.</summary>
public sealed record SequenceDenoisingOptions
{
    /// <summary>The longest source, with the tokens around it; null for the model's context, or 512 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of tokens at the store's end that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;
}

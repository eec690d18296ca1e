namespace PreTrain.FineTuning;

/// <summary>Learned factors of activations (Liu et al. 2022, "Few-Shot Parameter-Efficient Fine-Tuning is Better and Cheaper than In-Context Learning", section 3.3): of keys, of values, and of what is inside of the feed-forward layers.</summary>
public sealed record Ia3Options
{
    /// <summary>Patterns of the linear maps whose outputs get factors; null for keys and values, and for maps of queries, keys and values together, as PEFT does it.</summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<string>? Outputs { get; init; }

    /// <summary>Patterns of the linear maps whose inputs get factors; null for the last maps of the feed-forward layers.</summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<string>? Inputs { get; init; }

    /// <summary>Patterns of parameters that are trained as a whole beside the factors, and saved with them.</summary>
    /// <value>The default is the heads of classification, <c>*classifier*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*"];
}

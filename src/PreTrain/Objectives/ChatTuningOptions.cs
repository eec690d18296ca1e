namespace PreTrain.Objectives;

/// <summary>How <see cref="ChatTuning"/> learns from conversations.</summary>
public sealed record ChatTuningOptions
{
    /// <summary>The longest row, in tokens; what lies behind is cut off. Null for the model's context, or 1024 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>Whether a place of a batch holds as many conversations as fit into the longest row, by best fit. They do not see each other.</summary>
    /// <value>The default is false: a place holds one.</value>
    public bool Packs { get; init; }

    /// <summary>The share of the conversations that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;
}

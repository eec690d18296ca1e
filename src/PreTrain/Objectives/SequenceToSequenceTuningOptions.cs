namespace PreTrain.Objectives;

/// <summary>How <see cref="SequenceToSequenceTuning"/> learns from pairs.</summary>
public sealed record SequenceToSequenceTuningOptions
{
    /// <summary>The longest source, in tokens, with those around it; what lies behind is cut off. Null for the model's context, or 512 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? MaxSourceLength { get; init; }

    /// <summary>The longest target, in tokens, with that which ends it, which is never cut off. Null for the model's context, or 512 where that has no limit.</summary>
    /// <value>The default is null.</value>
    public int? MaxTargetLength { get; init; }

    /// <summary>What stands before each source, such as <c>summarize: </c> for T5, which learned several tasks at once (Raffel et al. 2020, section 2.4).</summary>
    /// <value>The default is nothing.</value>
    public string SourcePrefix { get; init; } = "";

    /// <summary>The share of the pairs that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;
}

namespace PreTrain.Objectives;

/// <summary>How <see cref="ContrastiveTuning"/> compares texts.</summary>
public sealed record ContrastiveTuningOptions
{
    /// <summary>What cosines are divided by, τ: the smaller, the more the nearest wrong texts count.</summary>
    /// <value>The default is 0.05 (Gao et al. 2021, section 3).</value>
    public double Temperature { get; init; } = 0.05;

    /// <summary>Whether the anchor is to be found among all anchors too, from its positive; the loss is the mean of both ways (Radford et al. 2021, "CLIP", figure 3).</summary>
    /// <value>The default is false.</value>
    public bool IsSymmetric { get; init; }

    /// <summary>The share of the examples that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;
}

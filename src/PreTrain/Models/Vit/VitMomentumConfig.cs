namespace PreTrain.Models.Vit;

/// <summary>What stands beside a Vision Transformer while it learns by momentum contrast (Chen, Xie and He 2021, sections 3 and 4).</summary>
public sealed record VitMomentumConfig
{
    /// <summary>Width of the layers within the projection and the prediction head.</summary>
    /// <value>The default is 4096 (section 4, "MLP heads").</value>
    public int HiddenDim { get; init; } = 4096;

    /// <summary>Width of queries and keys.</summary>
    /// <value>The default is 256 (section 4, "MLP heads").</value>
    public int ProjectionDim { get; init; } = 256;

    /// <summary>The share of the momentum encoder's weights that stays in the first update; it rises to 1 along half a cosine (Grill et al. 2020, "BYOL", section 3.2).</summary>
    /// <value>The default is 0.99.</value>
    public double Momentum { get; init; } = 0.99;

    /// <summary>Whether the map of the patches is trained. As it was drawn it makes the training stable (Chen, Xie and He 2021, section 5, "A trick for improving stability").</summary>
    /// <value>The default is false.</value>
    public bool TrainsPatchMap { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var rules = new ConfigRules();
        Check(rules);
        rules.Finish();
    }

    internal void Check(ConfigRules rules)
    {
        rules.Positive((nameof(HiddenDim), HiddenDim), (nameof(ProjectionDim), ProjectionDim));
        rules.Require(Momentum is >= 0 and <= 1, FormattableString.Invariant($"{nameof(Momentum)} ({Momentum}) must be from 0 to 1."));
    }
}

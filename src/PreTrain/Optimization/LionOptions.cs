using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>The sign of an interpolated momentum (Chen et al. 2023, algorithm 2). Every element moves by the learning rate, so that it should be three to ten times smaller than AdamW's, and the decay as much larger.</summary>
public sealed record LionOptions : IOptimizerOptions
{
    /// <summary>The share of the momentum in the update, β₁.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the momentum, β₂.</summary>
    /// <value>The default is 0.99.</value>
    public double Beta2 { get; init; } = 0.99;

    /// <summary>The decoupled weight decay λ of the matrices.</summary>
    /// <value>The default is 1.</value>
    public double WeightDecay { get; init; } = 1;

    /// <inheritdoc/>
    public string Name => "lion";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Beta1), Beta1),
        OptionFaults.Share(nameof(Beta2), Beta2),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["beta1"] = Beta1, ["beta2"] = Beta2, ["weightDecay"] = WeightDecay };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        ParameterGroup[] groups = ParameterGroup.Of(parameters, update);
        var part = new ElementwisePart<LionRule>(parameters, update, groups, ["momentum"], at => new LionRule(Beta1, Beta2, at.Decays ? 1 - at.LearningRate * WeightDecay : 1, at.LearningRate), kernels: kernels);
        return new ElementwiseOptimizer<LionRule>(parameters, part, kernels);
    }
}

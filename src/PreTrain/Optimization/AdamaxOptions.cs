using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Adam with the largest gradient in place of the second moment (Kingma and Ba 2015, algorithm 2).</summary>
public sealed record AdamaxOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the first moment, β₁.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the largest gradient, β₂.</summary>
    /// <value>The default is 0.999.</value>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the magnitude of the gradient, ε.</summary>
    /// <value>The default is 10⁻⁸.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The weight decay λ of the matrices, added to the gradient as λ·w.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public string Name => "adamax";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Beta1), Beta1),
        OptionFaults.Share(nameof(Beta2), Beta2),
        OptionFaults.Positive(nameof(Epsilon), Epsilon),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["beta1"] = Beta1, ["beta2"] = Beta2, ["epsilon"] = Epsilon, ["weightDecay"] = WeightDecay };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        ParameterGroup[] groups = ParameterGroup.Of(parameters, update);
        var part = new ElementwisePart<AdamaxRule>(parameters, update, groups, ["first_moment", "largest"], at => new AdamaxRule(Beta1, Beta2, Epsilon, at.LearningRate / (1 - Math.Pow(Beta1, at.Step))), WeightDecay, kernels: kernels);
        return new ElementwiseOptimizer<AdamaxRule>(parameters, part, kernels);
    }
}

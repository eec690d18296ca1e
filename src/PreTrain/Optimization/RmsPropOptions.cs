using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Gradients divided by the root of their recent squares (Hinton 2012, lecture 6e; centred as in Graves 2013, equations 38 to 45), as PyTorch defines it.</summary>
public sealed record RmsPropOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the squares, α.</summary>
    /// <value>The default is 0.99.</value>
    public double Smoothing { get; init; } = 0.99;

    /// <summary>Added to the root, ε.</summary>
    /// <value>The default is 10⁻⁸.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The share of the former updates μ; 0 for none.</summary>
    /// <value>The default is 0.</value>
    public double Momentum { get; init; }

    /// <summary>Whether the square of the mean gradient is taken off.</summary>
    /// <value>The default is false.</value>
    public bool Centered { get; init; }

    /// <summary>The weight decay λ of the matrices, added to the gradient as λ·w.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public string Name => "rmsprop";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Smoothing), Smoothing),
        OptionFaults.Positive(nameof(Epsilon), Epsilon),
        OptionFaults.Share(nameof(Momentum), Momentum),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["smoothing"] = Smoothing, ["epsilon"] = Epsilon, ["momentum"] = Momentum, ["centered"] = Centered, ["weightDecay"] = WeightDecay };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        ParameterGroup[] groups = ParameterGroup.Of(parameters, update);
        var part = new ElementwisePart<RmsPropRule>(parameters, update, groups, ["square", Centered ? "mean" : null, Momentum == 0 ? null : "momentum"], at => new RmsPropRule(Smoothing, Epsilon, Momentum, Centered, at.LearningRate), WeightDecay, kernels: kernels);
        return new ElementwiseOptimizer<RmsPropRule>(parameters, part, kernels);
    }
}

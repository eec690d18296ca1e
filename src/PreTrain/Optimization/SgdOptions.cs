using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Stochastic gradient descent with momentum (Polyak 1964), as PyTorch defines it, or with Nesterov's (Sutskever et al. 2013, section 2).</summary>
public sealed record SgdOptions : IOptimizerOptions
{
    /// <summary>The share of the former updates μ; 0 for none.</summary>
    /// <value>The default is 0.9.</value>
    public double Momentum { get; init; } = 0.9;

    /// <summary>Whether the gradient is looked at behind the momentum's step.</summary>
    /// <value>The default is false.</value>
    public bool Nesterov { get; init; }

    /// <summary>The weight decay λ of the matrices, added to the gradient as λ·w.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public string Name => "sgd";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Momentum), Momentum),
        Nesterov && Momentum == 0 ? $"{nameof(Nesterov)} (true) needs a {nameof(Momentum)} above 0." : null,
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["momentum"] = Momentum, ["nesterov"] = Nesterov, ["weightDecay"] = WeightDecay };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        ParameterGroup[] groups = ParameterGroup.Of(parameters, update);
        var part = new ElementwisePart<SgdRule>(parameters, update, groups, [Momentum == 0 ? null : "momentum"], at => new SgdRule(Momentum, Nesterov, at.LearningRate), WeightDecay, kernels: kernels);
        return new ElementwiseOptimizer<SgdRule>(parameters, part, kernels);
    }
}

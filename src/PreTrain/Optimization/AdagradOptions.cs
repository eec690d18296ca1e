using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Gradients divided by the root of the sum of all former squares (Duchi, Hazan and Singer 2011, figure 1, the diagonal form).</summary>
public sealed record AdagradOptions : IOptimizerOptions
{
    /// <summary>The learning rate of step t, from 0, is divided by 1 + this · t.</summary>
    /// <value>The default is 0.</value>
    public double RateDecay { get; init; }

    /// <summary>What the sums of squares start with.</summary>
    /// <value>The default is 0.</value>
    public double InitialSum { get; init; }

    /// <summary>Added to the root, ε.</summary>
    /// <value>The default is 10⁻¹⁰.</value>
    public double Epsilon { get; init; } = 1e-10;

    /// <summary>The weight decay λ of the matrices, added to the gradient as λ·w.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public string Name => "adagrad";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.NotNegative(nameof(RateDecay), RateDecay),
        OptionFaults.NotNegative(nameof(InitialSum), InitialSum),
        OptionFaults.Positive(nameof(Epsilon), Epsilon),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["rateDecay"] = RateDecay, ["initialSum"] = InitialSum, ["epsilon"] = Epsilon, ["weightDecay"] = WeightDecay };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        ParameterGroup[] groups = ParameterGroup.Of(parameters, update);
        var part = new ElementwisePart<AdagradRule>(parameters, update, groups, ["sum"], at => new AdagradRule(Epsilon, at.LearningRate / (1 + (at.Step - 1) * RateDecay)), WeightDecay, kernels: kernels, initial: InitialSum);
        return new ElementwiseOptimizer<AdagradRule>(parameters, part, kernels);
    }
}

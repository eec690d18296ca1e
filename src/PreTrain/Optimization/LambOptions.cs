using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Adam whose update of each parameter has that parameter's norm (You et al. 2020, algorithm 2), for very large batches.</summary>
public sealed record LambOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the first moment, β₁.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment, β₂.</summary>
    /// <value>The default is 0.999.</value>
    public double Beta2 { get; init; } = 0.999;

    /// <summary>Added to the root of the second moment, ε.</summary>
    /// <value>The default is 10⁻⁶.</value>
    public double Epsilon { get; init; } = 1e-6;

    /// <summary>The weight decay λ of the matrices, a part of the update.</summary>
    /// <value>The default is 0.01.</value>
    public double WeightDecay { get; init; } = 0.01;

    /// <summary>Whether parameters without weight decay are scaled by their norm too. The authors' program leaves them out, since a bias starts at zero.</summary>
    /// <value>The default is false.</value>
    public bool AdaptVectors { get; init; }

    /// <inheritdoc/>
    public string Name => "lamb";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Beta1), Beta1),
        OptionFaults.Share(nameof(Beta2), Beta2),
        OptionFaults.Positive(nameof(Epsilon), Epsilon),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay));

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["beta1"] = Beta1, ["beta2"] = Beta2, ["epsilon"] = Epsilon, ["weightDecay"] = WeightDecay, ["adaptVectors"] = AdaptVectors };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        return new Lamb(parameters, this, update, kernels);
    }
}

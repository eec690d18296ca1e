using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>AdamW whose moments are kept in 8 bits, by blocks with a scale of their own and a dynamic data type (Dettmers et al. 2022, section 2). Vectors keep 32 bits.</summary>
public sealed record AdamW8BitOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the first moment, β₁.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment, β₂.</summary>
    /// <value>The default is 0.95.</value>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment, ε.</summary>
    /// <value>The default is 10⁻⁸.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The decoupled weight decay λ of the matrices.</summary>
    /// <value>The default is 0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <inheritdoc/>
    public string Name => "adamw8bit";

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
        return new AdamW8Bit(parameters, this, update, kernels);
    }
}

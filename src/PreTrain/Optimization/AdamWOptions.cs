using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>The constants of <see cref="AdamW"/>.</summary>
public sealed record AdamWOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the first moment, β₁.</summary>
    /// <value>The default is 0.9.</value>
    public double Beta1 { get; init; } = 0.9;

    /// <summary>Decay rate of the second moment, β₂.</summary>
    /// <value>The default is 0.95, as usual in pre-training (Brown et al. 2020, appendix B).</value>
    public double Beta2 { get; init; } = 0.95;

    /// <summary>Added to the root of the second moment, ε.</summary>
    /// <value>The default is 10⁻⁸.</value>
    public double Epsilon { get; init; } = 1e-8;

    /// <summary>The decoupled weight decay λ of the matrices; vectors (biases, gains) have none.</summary>
    /// <value>The default is 0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <inheritdoc/>
    public string Name => "adamw";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => new AdamW(parameters, this, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => Faults(Beta1, Beta2, Epsilon, WeightDecay);

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["beta1"] = Beta1, ["beta2"] = Beta2, ["epsilon"] = Epsilon, ["weightDecay"] = WeightDecay };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        List<string> faults = [.. Faults()];
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    internal AdamRule Rule(UpdateContext at) => AdamRule.Of(at, Beta1, Beta2, Epsilon, WeightDecay);

    internal static IEnumerable<string> Faults(double beta1, double beta2, double epsilon, double weightDecay)
    {
        if (!(beta1 >= 0 && beta1 < 1)) yield return $"{nameof(Beta1)} ({beta1}) must be at least 0 and below 1.";
        if (!(beta2 >= 0 && beta2 < 1)) yield return $"{nameof(Beta2)} ({beta2}) must be at least 0 and below 1.";
        if (!(epsilon > 0 && double.IsFinite(epsilon))) yield return $"{nameof(Epsilon)} ({epsilon}) must be positive.";
        if (!(weightDecay >= 0 && double.IsFinite(weightDecay))) yield return $"{nameof(WeightDecay)} ({weightDecay}) must not be negative.";
    }
}

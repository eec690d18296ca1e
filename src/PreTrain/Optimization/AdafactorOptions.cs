using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Adam whose second moment of a matrix is kept as the means of its rows and columns (Shazeer and Stern 2018, algorithms 4 and 5), as transformers defines it.</summary>
public sealed record AdafactorOptions : IOptimizerOptions
{
    /// <summary>Decay rate of the first moment; 0 for none, which saves its memory.</summary>
    /// <value>The default is 0.</value>
    public double Beta1 { get; init; }

    /// <summary>The second moment decays by 1 − t to the power of minus this in step t.</summary>
    /// <value>The default is 0.8.</value>
    public double DecayPower { get; init; } = 0.8;

    /// <summary>Added to the square of the gradient, ε₁.</summary>
    /// <value>The default is 10⁻³⁰.</value>
    public double SquareEpsilon { get; init; } = 1e-30;

    /// <summary>The least scale of a parameter, ε₂.</summary>
    /// <value>The default is 10⁻³.</value>
    public double ScaleEpsilon { get; init; } = 1e-3;

    /// <summary>The largest root mean square of an update, d.</summary>
    /// <value>The default is 1.</value>
    public double ClipThreshold { get; init; } = 1;

    /// <summary>Whether the learning rate of a parameter is multiplied with its root mean square.</summary>
    /// <value>The default is true.</value>
    public bool ScaleParameter { get; init; } = true;

    /// <summary>Whether the learning rate is 1/√t, at most 10⁻², and not the schedule's.</summary>
    /// <value>The default is false.</value>
    public bool RelativeStep { get; init; }

    /// <summary>Whether the limit of the relative step rises by 10⁻⁶ in each step.</summary>
    /// <value>The default is false.</value>
    public bool WarmupInit { get; init; }

    /// <summary>The decoupled weight decay λ of the matrices.</summary>
    /// <value>The default is 0.</value>
    public double WeightDecay { get; init; }

    /// <inheritdoc/>
    public string Name => "adafactor";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Beta1), Beta1),
        OptionFaults.Positive(nameof(DecayPower), DecayPower),
        OptionFaults.Positive(nameof(SquareEpsilon), SquareEpsilon),
        OptionFaults.Positive(nameof(ScaleEpsilon), ScaleEpsilon),
        OptionFaults.Positive(nameof(ClipThreshold), ClipThreshold),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay),
        WarmupInit && !RelativeStep ? $"{nameof(WarmupInit)} (true) needs {nameof(RelativeStep)}." : null);

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["beta1"] = Beta1, ["decayPower"] = DecayPower, ["squareEpsilon"] = SquareEpsilon, ["scaleEpsilon"] = ScaleEpsilon, ["clipThreshold"] = ClipThreshold, ["scaleParameter"] = ScaleParameter, ["relativeStep"] = RelativeStep, ["warmupInit"] = WarmupInit, ["weightDecay"] = WeightDecay };

    /// <summary>The relative learning rate of a step, from 1.</summary>
    internal double RateOf(long step) => Math.Min(WarmupInit ? 1e-6 * step : 1e-2, 1 / Math.Sqrt(step));

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        return new Adafactor(parameters, this, update, kernels);
    }
}

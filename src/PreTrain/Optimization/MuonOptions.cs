using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>Momentum that is made orthogonal for the matrices of the blocks, AdamW for embeddings, heads, norms and biases (Jordan et al. 2024).</summary>
public sealed record MuonOptions : IOptimizerOptions
{
    /// <summary>The share of the former momentum μ.</summary>
    /// <value>The default is 0.95.</value>
    public double Momentum { get; init; } = 0.95;

    /// <summary>Whether the gradient is looked at behind the momentum's step.</summary>
    /// <value>The default is true.</value>
    public bool Nesterov { get; init; } = true;

    /// <summary>Newton-Schulz iterations of a step.</summary>
    /// <value>The default is 5.</value>
    public int Iterations { get; init; } = 5;

    /// <summary>The least norm that a momentum is divided by, ε.</summary>
    /// <value>The default is 10⁻⁷.</value>
    public double Epsilon { get; init; } = 1e-7;

    /// <summary>The decoupled weight decay λ of the blocks' matrices.</summary>
    /// <value>The default is 0.1.</value>
    public double WeightDecay { get; init; } = 0.1;

    /// <summary>How the size of an update follows from the matrix's shape.</summary>
    /// <value>The default is <see cref="MuonScaling.MatchAdamW"/>.</value>
    public MuonScaling Scaling { get; init; } = MuonScaling.MatchAdamW;

    /// <summary>AdamW's constants for the other parameters.</summary>
    /// <value>The default is <see cref="AdamWOptions"/>'s defaults.</value>
    public AdamWOptions Rest { get; init; } = new();

    /// <inheritdoc/>
    public string Name => "muon";

    /// <inheritdoc/>
    public IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null) => Create(parameters, update, kernels: true);

    /// <inheritdoc/>
    public IEnumerable<string> Faults() => OptionFaults.Of(
        OptionFaults.Share(nameof(Momentum), Momentum),
        Nesterov && Momentum == 0 ? $"{nameof(Nesterov)} (true) needs a {nameof(Momentum)} above 0." : null,
        Iterations is < 1 or > 99 ? $"{nameof(Iterations)} ({Iterations}) must be from 1 to 99." : null,
        OptionFaults.Positive(nameof(Epsilon), Epsilon),
        OptionFaults.NotNegative(nameof(WeightDecay), WeightDecay),
        Enum.IsDefined(Scaling) ? null : $"{nameof(Scaling)} ({Scaling}) must be MatchAdamW or Original.").Concat(Rest.Faults());

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["name"] = Name, ["momentum"] = Momentum, ["nesterov"] = Nesterov, ["iterations"] = Iterations, ["epsilon"] = Epsilon, ["weightDecay"] = WeightDecay, ["scaling"] = Scaling.ToString(), ["rest"] = Rest.Describe() };

    internal IOptimizer Create(FlatParameters parameters, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        update = OptionFaults.Check(this, update);
        return new Muon(parameters, this, update, kernels);
    }
}

using System.Globalization;

namespace PreTrain.Pruning;

/// <summary>Which weights of a model's linear maps become zero.</summary>
public sealed record PruningOptions
{
    /// <summary>How it is told which.</summary>
    /// <value>The default is <see cref="PruningMethod.Magnitude"/>.</value>
    public PruningMethod Method { get; init; } = PruningMethod.Magnitude;

    /// <summary>The part of the weights that becomes zero, at least 0 and below 1. Of no effect with a <see cref="Pattern"/>.</summary>
    /// <value>The default is 0.5.</value>
    public double Sparsity { get; init; } = 0.5;

    /// <summary>
    /// Which weights are compared with each other; null for the method's own: <see cref="PruningScope.Output"/> for Wanda, <see cref="PruningScope.Map"/> for the others. SparseGPT knows no other, and Wanda's
    /// values cannot be compared over the whole model.
    /// </summary>
    /// <value>The default is null.</value>
    public PruningScope? Scope { get; init; }

    /// <summary>Prunes each group of M successive inputs to N weights; null for no pattern. M must divide the inputs of each map.</summary>
    /// <value>The default is null.</value>
    public SparsityPattern? Pattern { get; init; }

    /// <summary>Patterns of the linear maps that are pruned, such as <c>*blocks.*.query</c>; <c>*</c> stands for any characters.</summary>
    /// <value>The default is all linear maps of the blocks, <c>*blocks.*</c>.</value>
    public IReadOnlyList<string> Targets { get; init; } = ["*blocks.*"];

    /// <summary>Of SparseGPT: what is added to the diagonal of the Hessian, as a part of its mean.</summary>
    /// <value>The default is 0.01.</value>
    public double Damping { get; init; } = 0.01;

    /// <summary>Of SparseGPT: the inputs among which weights are chosen at once; a multiple of the group of a <see cref="Pattern"/>.</summary>
    /// <value>The default is 128.</value>
    public int BlockSize { get; init; } = 128;

    /// <summary>The fewest tokens that a map must see in the calibration of Wanda and SparseGPT. SparseGPT moreover needs as many as the map has inputs.</summary>
    /// <value>The default is 128.</value>
    public int MinimumTokens { get; init; } = 128;

    /// <summary>Whether the method looks at what the model computes with.</summary>
    internal bool NeedsCalibration => Method != PruningMethod.Magnitude;

    internal PruningScope EffectiveScope => Scope ?? (Method == PruningMethod.Wanda ? PruningScope.Output : PruningScope.Map);

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Method)) faults.Add($"{nameof(Method)} ({Method}) must be one of {string.Join(", ", Enum.GetNames<PruningMethod>())}.");
        if (!(Sparsity >= 0 && Sparsity < 1)) faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(Sparsity)} ({Sparsity}) must be at least 0 and below 1, at which nothing would be left."));
        if (Scope is { } scope && !Enum.IsDefined(scope)) faults.Add($"{nameof(Scope)} ({scope}) must be one of {string.Join(", ", Enum.GetNames<PruningScope>())}.");
        else if (Method == PruningMethod.Wanda && Scope == PruningScope.Model) faults.Add($"{nameof(Scope)} (Model) must be Map or Output for Wanda, whose values depend on how large the inputs of a map are.");
        else if (Method == PruningMethod.SparseGpt && Scope is not (null or PruningScope.Map)) faults.Add($"{nameof(Scope)} ({Scope}) must be Map for SparseGpt.");
        if (Pattern is not null)
        {
            if (!Pattern.IsValid) faults.Add($"{nameof(Pattern)} ({Pattern}) must be N:M with 0 < N < M.");
            else if (Method == PruningMethod.SparseGpt && BlockSize % Pattern.Group != 0) faults.Add($"{nameof(BlockSize)} ({BlockSize}) must be divisible by the group of {nameof(Pattern)} ({Pattern.Group}).");
            if (Scope is not null) faults.Add($"{nameof(Scope)} ({Scope}) must be left out with a {nameof(Pattern)}, which compares the weights of each group.");
        }
        if (Targets.Count == 0) faults.Add($"{nameof(Targets)} must name at least one linear map; '*' fits all.");
        if (!(Damping > 0 && double.IsFinite(Damping))) faults.Add(string.Create(CultureInfo.InvariantCulture, $"{nameof(Damping)} ({Damping}) must be positive."));
        if (BlockSize < 1) faults.Add($"{nameof(BlockSize)} ({BlockSize}) must be positive.");
        if (MinimumTokens < 1) faults.Add($"{nameof(MinimumTokens)} ({MinimumTokens}) must be positive.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) on flat parameters. On a CPU with 512-bit vectors a step is
/// one pass over memory that clips, updates moments and weights, writes the compute copy and clears the gradient; elsewhere a few operations of torch.
/// </summary>
public sealed class AdamW : IOptimizer
{
    private readonly ElementwiseOptimizer<AdamRule> _inner;

    /// <summary>Creates the optimizer with moments of zero.</summary>
    /// <param name="parameters">What it updates; they stay the caller's to dispose.</param>
    /// <param name="options">Its constants.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdamW(FlatParameters parameters, AdamWOptions? options = null) : this(parameters, options, null, kernels: true)
    {
    }

    internal AdamW(FlatParameters parameters, AdamWOptions? options, UpdateOptions? update, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        AdamWOptions o = options ?? new AdamWOptions();
        update = OptionFaults.Check(o, update);
        _inner = new(parameters, new(parameters, update, ParameterGroup.Of(parameters, update), AdamRule.Kinds, o.Rule, kernels: kernels), kernels);
    }

    /// <inheritdoc/>
    public long StepCount => _inner.StepCount;

    /// <inheritdoc/>
    public double GradientNorm() => _inner.GradientNorm();

    /// <summary>What gradients are to be multiplied with so that their norm is at most a limit, as in PyTorch's <c>clip_grad_norm_</c>.</summary>
    /// <param name="norm">From <see cref="GradientNorm"/>.</param>
    /// <param name="limit">The limit; 0 for none.</param>
    public static double ClipScale(double norm, double limit) => limit == 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));

    /// <inheritdoc/>
    public void Step(double learningRate, double gradientScale = 1) => _inner.Step(learningRate, gradientScale);

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor View)> State() => _inner.State();

    /// <inheritdoc/>
    public void Save(string path) => _inner.Save(path);

    /// <inheritdoc/>
    public void Load(string path) => _inner.Load(path);

    /// <summary>Frees the moments.</summary>
    public void Dispose() => _inner.Dispose();
}

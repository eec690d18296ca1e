using System.Globalization;
using PreTrain.Checkpoints;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2) on flat parameters. On a CPU with 512-bit vectors a step is
/// one pass over memory that clips, updates moments and weights, writes the compute copy and clears the gradient; elsewhere a few operations of torch.
/// </summary>
public sealed class AdamW : IDisposable
{
    private readonly FlatParameters _parameters;
    private readonly AdamWOptions _options;
    private readonly bool _kernels;
    private readonly Tensor _first;
    private readonly Tensor _second;

    /// <summary>Creates the optimizer with moments of zero.</summary>
    /// <param name="parameters">What it updates; they stay the caller's to dispose.</param>
    /// <param name="options">Its constants.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public AdamW(FlatParameters parameters, AdamWOptions? options = null) : this(parameters, options, kernels: true)
    {
    }

    internal AdamW(FlatParameters parameters, AdamWOptions? options, bool kernels)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        _options = options ?? new AdamWOptions();
        _options.Validate();
        _parameters = parameters;
        _kernels = kernels && TensorMemory.HasKernelsFor(parameters.Master);
        using DisposeScope scope = NewDisposeScope();
        _first = zeros_like(parameters.Master).DetachFromDisposeScope();
        _second = zeros_like(parameters.Master).DetachFromDisposeScope();
    }

    /// <summary>Updates so far.</summary>
    public long StepCount { get; private set; }

    /// <summary>The Euclidean norm of all gradients together, computed in one pass; waits for the device.</summary>
    public double GradientNorm()
    {
        if (_kernels) return Math.Sqrt(FlatKernels.SumOfSquares(_parameters.StepGradient));
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return linalg.vector_norm(_parameters.StepGradient.to(ScalarType.Float32), 2).item<float>();
    }

    /// <summary>What gradients are to be multiplied with so that their norm is at most a limit, as in PyTorch's <c>clip_grad_norm_</c>.</summary>
    /// <param name="norm">From <see cref="GradientNorm"/>.</param>
    /// <param name="limit">The limit; 0 for none.</param>
    public static double ClipScale(double norm, double limit) => limit == 0 ? 1 : Math.Min(1, limit / (norm + 1e-6));

    /// <summary>Updates the weights and sets the gradients to zero.</summary>
    /// <param name="learningRate">The learning rate of this step.</param>
    /// <param name="gradientScale">What gradients are multiplied with first; see <see cref="ClipScale"/>.</param>
    public void Step(double learningRate, double gradientScale = 1)
    {
        StepCount++;
        double correction1 = 1 - Math.Pow(_options.Beta1, StepCount), correction2 = 1 - Math.Pow(_options.Beta2, StepCount);
        var step = new AdamWStep(gradientScale, _options.Beta1, _options.Beta2, _options.Epsilon,
            1 - learningRate * _options.WeightDecay, learningRate / correction1, 1 / Math.Sqrt(correction2));
        using IDisposable mode = no_grad();
        Update(0, _parameters.DecayedLength, step);
        Update(_parameters.DecayedLength, _parameters.Length, step with { Keep = 1 });
    }

    /// <summary>Writes the moments as a safetensors file, atomically.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        using DisposeScope scope = NewDisposeScope();
        IEnumerable<(string, Tensor)> tensors = Named().Select(t => (t.Name, t.View));
        SafetensorsWriter.Write(path, tensors, new Dictionary<string, string> { ["step"] = StepCount.ToString(CultureInfo.InvariantCulture) });
    }

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged, or belongs to other parameters.</exception>
    public void Load(string path)
    {
        using DisposeScope scope = NewDisposeScope();
        using SafetensorsFile file = SafetensorsFile.Open(path);
        if (!file.Metadata.TryGetValue("step", out string? text) || !long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long step))
            throw new CheckpointException(path, "its header has no step; it is not the state of an optimizer.");
        (string Name, Tensor View)[] tensors = [.. Named()];
        if (file.Names.Except(tensors.Select(t => t.Name)).FirstOrDefault() is { } unknown)
            throw new CheckpointException(path, unknown, "the model has no such trainable parameter.");
        foreach (var (name, view) in tensors) file.ReadInto(name, view);
        StepCount = step;
    }

    /// <summary>Frees the moments.</summary>
    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }

    private IEnumerable<(string Name, Tensor View)> Named() =>
        _parameters.Split(_first).Select(t => ($"first_moment.{t.Name}", t.View)).Concat(_parameters.Split(_second).Select(t => ($"second_moment.{t.Name}", t.View)));

    private void Update(long start, long end, AdamWStep step)
    {
        if (start == end) return;
        if (_kernels)
        {
            FlatKernels.AdamW(_parameters.StepGradient, _first, _second, _parameters.Master, _parameters.Compute, start, end, step);
            return;
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = Part(_parameters.StepGradient), first = Part(_first), second = Part(_second), master = Part(_parameters.Master);
        Tensor g = gradient.to(ScalarType.Float32) * step.GradientScale;
        first.mul_(step.Beta1).add_(g, alpha: 1 - step.Beta1);
        second.mul_(step.Beta2).addcmul_(g, g, value: 1 - step.Beta2);
        Tensor denominator = second.sqrt().mul_(step.InverseRoot).add_(step.Epsilon);
        master.mul_(step.Keep).addcdiv_(first, denominator, value: -step.Rate);
        if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) Part(_parameters.Compute).copy_(master);
        gradient.zero_();

        Tensor Part(Tensor flat) => flat.narrow(0, start, end - start);
    }
}

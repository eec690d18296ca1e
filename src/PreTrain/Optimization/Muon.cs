using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Muon for the matrices of the blocks, AdamW's pass for the rest.</summary>
internal sealed class Muon : IOptimizer
{
    // The slope at zero is as steep as it can be, so that few iterations lift small singular values (Jordan et al. 2024).
    private const float A = 3.4445f, B = -4.775f, C = 2.0315f;
    private readonly FlatParameters _parameters;
    private readonly MuonOptions _options;
    private readonly UpdateOptions _update;
    private readonly (ParameterRange Range, ParameterGroup Group, Tensor Momentum)[] _matrices;
    private readonly ElementwisePart<AdamRule> _rest;
    private readonly bool _kernels;

    internal Muon(FlatParameters parameters, MuonOptions options, UpdateOptions update, bool kernels)
    {
        (_parameters, _options, _update, _kernels) = (parameters, options, update, kernels && TensorMemory.HasKernelsFor(parameters.Master));
        using DisposeScope scope = NewDisposeScope();
        _matrices = [.. ParameterGroup.Of(parameters, update, IsOrthogonal).SelectMany(group => group.Ranges.Select(range =>
            (range, group, zeros([range.End - range.Start], dtype: ScalarType.Float32, device: parameters.Master.device).DetachFromDisposeScope())))];
        if (_matrices.Length == 0) throw new ArgumentException("The model has no trainable matrix in a numbered block, for which Muon is made; use another optimizer.", nameof(parameters));
        _rest = new(parameters, update, ParameterGroup.Of(parameters, update, range => !IsOrthogonal(range)), AdamRule.Kinds, options.Rest.Rule, kernels: kernels);
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _parameters.GradientNorm(_kernels);

    public void Step(double learningRate, double gradientScale = 1)
    {
        _rest.Step(++StepCount, learningRate, gradientScale);
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        Tensor[] flat = [.. _matrices.Select(matrix => Direction(matrix.Range, matrix.Group, matrix.Momentum, gradientScale))];
        Tensor[] directions = [.. flat.Zip(_matrices, (direction, matrix) => Shaped(direction, matrix.Range))];
        OrthogonalKernels.Orthogonalize([.. directions.Where(d => _kernels && OrthogonalKernels.Serve(d))], _options.Iterations, _options.Epsilon, A, B, C);
        for (int i = 0; i < directions.Length; i++)
        {
            using DisposeScope inner = NewDisposeScope();
            var (range, group, _) = _matrices[i];
            if (!_kernels || !OrthogonalKernels.Serve(directions[i])) directions[i].copy_(Orthogonalize(directions[i]));
            double rate = learningRate * group.RateScale, rows = range.Shape[0], columns = range.Shape[1];
            double scale = _options.Scaling == MuonScaling.Original ? Math.Sqrt(Math.Max(1, rows / columns)) : 0.2 * Math.Sqrt(Math.Max(rows, columns));
            double keep = group.Decays ? 1 - rate * _options.WeightDecay : 1;
            if (_kernels)
            {
                MuonKernels.Add(_parameters, range, flat[i], keep, rate * scale);
                continue;
            }
            Tensor master = View(_parameters.Master, range);
            master.mul_(keep).add_(directions[i], alpha: -rate * scale);
            if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) View(_parameters.Compute, range).copy_(master);
        }
    }

    public IEnumerable<(string Name, Tensor View)> State() => _rest.State().Concat(_matrices.Select(m => ($"momentum.{m.Range.Name}", Shaped(m.Momentum, m.Range))));

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose()
    {
        foreach (var (_, _, momentum) in _matrices) momentum.Dispose();
        _rest.Dispose();
    }

    /// <summary>Takes the gradient into the momentum: what is to be made orthogonal, with a range's gap, which is nobody else's.</summary>
    private Tensor Direction(ParameterRange range, ParameterGroup group, Tensor momentum, double gradientScale)
    {
        using DisposeScope scope = NewDisposeScope();
        GradientShape shape = GradientShape.Of(_update, gradientScale, group.Decays);
        if (_kernels)
        {
            Tensor direction = empty_like(momentum);
            MuonKernels.Direction(_parameters, range, momentum, direction, shape, _options.Momentum, _options.Nesterov);
            return scope.MoveToOuter(direction);
        }
        Tensor gradient = Part(_parameters.StepGradient), g = ElementwisePart<AdamRule>.Shaped(gradient, Part(_parameters.Master), shape);
        gradient.zero_();
        momentum.mul_(_options.Momentum).add_(g, alpha: 1 - _options.Momentum);
        return scope.MoveToOuter(_options.Nesterov ? g.mul_(1 - _options.Momentum).add_(momentum, alpha: _options.Momentum) : momentum.clone());

        Tensor Part(Tensor all) => all.narrow(0, range.Start, range.End - range.Start);
    }

    /// <summary>
    /// The nearest orthogonal matrix, roughly: all singular values become about 1, by the Newton-Schulz iteration; on a GPU, and for large matrices where the processor has a unit for it and
    /// the compute copy is in bfloat16, in bfloat16, as Jordan et al. do.
    /// </summary>
    private Tensor Orthogonalize(Tensor matrix)
    {
        bool tall = matrix.size(0) > matrix.size(1);
        Tensor x = (tall ? matrix.t() : matrix) / linalg.vector_norm(matrix, 2).clamp_(min: _options.Epsilon);
        bool isLarge = x.size(0) > OrthogonalKernels.LargestSide;
        if (x.device_type == DeviceType.CUDA || (isLarge && Processor.HasBFloat16Matrices && _parameters.Compute.dtype == ScalarType.BFloat16)) x = x.to(ScalarType.BFloat16);
        for (int i = 0; i < _options.Iterations; i++)
        {
            Tensor gram = x.mm(x.t());
            x = addmm(x, addmm(gram, gram, gram, beta: B, alpha: C), x, beta: A, alpha: 1);
        }
        return (tall ? x.t() : x).to(ScalarType.Float32);
    }

    private static Tensor View(Tensor flat, ParameterRange range) => flat.narrow(0, range.Start, range.Count).view(range.Shape);

    private static Tensor Shaped(Tensor withGap, ParameterRange range)
    {
        using Tensor part = withGap.narrow(0, 0, range.Count);
        return part.view(range.Shape);
    }

    internal static bool IsOrthogonal(ParameterRange range) => range.Shape.Length == 2 && range.Block is not null && !range.IsEmbedding;
}

using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Muon: torch's operators for the matrices of the blocks, AdamW's pass for the rest.</summary>
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
        (_parameters, _options, _update, _kernels) = (parameters, options, update, kernels);
        using DisposeScope scope = NewDisposeScope();
        _matrices = [.. ParameterGroup.Of(parameters, update, IsOrthogonal).SelectMany(group => group.Ranges.Select(range =>
            (range, group, zeros(range.Shape, dtype: ScalarType.Float32, device: parameters.Master.device).DetachFromDisposeScope())))];
        if (_matrices.Length == 0) throw new ArgumentException("The model has no trainable matrix in a numbered block, for which Muon is made; use another optimizer.", nameof(parameters));
        _rest = new(parameters, update, ParameterGroup.Of(parameters, update, range => !IsOrthogonal(range)), AdamRule.Kinds, options.Rest.Rule, kernels: kernels);
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _kernels ? _parameters.GradientNorm() : _parameters.GradientNorm(kernels: false);

    public void Step(double learningRate, double gradientScale = 1)
    {
        _rest.Step(++StepCount, learningRate, gradientScale);
        using IDisposable mode = no_grad();
        foreach (var (range, group, momentum) in _matrices)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor gradient = View(_parameters.StepGradient), master = View(_parameters.Master);
            Tensor g = ElementwisePart<AdamRule>.Shaped(gradient, master, GradientShape.Of(_update, gradientScale, group.Decays));
            gradient.zero_();
            momentum.mul_(_options.Momentum).add_(g, alpha: 1 - _options.Momentum);
            Tensor direction = _options.Nesterov ? g.mul_(1 - _options.Momentum).add_(momentum, alpha: _options.Momentum) : momentum;
            double rate = learningRate * group.RateScale, rows = range.Shape[0], columns = range.Shape[1];
            double scale = _options.Scaling == MuonScaling.Original ? Math.Sqrt(Math.Max(1, rows / columns)) : 0.2 * Math.Sqrt(Math.Max(rows, columns));
            if (group.Decays) master.mul_(1 - rate * _options.WeightDecay);
            master.add_(Orthogonalize(direction, _options.Iterations, _options.Epsilon, _parameters.Compute.dtype), alpha: -rate * scale);
            if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) View(_parameters.Compute).copy_(master);

            Tensor View(Tensor flat) => flat.narrow(0, range.Start, range.Count).view(range.Shape);
        }
    }

    public IEnumerable<(string Name, Tensor View)> State() => _rest.State().Concat(_matrices.Select(m => ($"momentum.{m.Range.Name}", m.Momentum.alias())));

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose()
    {
        foreach (var (_, _, momentum) in _matrices) momentum.Dispose();
        _rest.Dispose();
    }

    /// <summary>The nearest orthogonal matrix, roughly: all singular values become about 1, by the Newton-Schulz iteration, as Jordan et al. compute it in the type of the compute copy.</summary>
    internal static Tensor Orthogonalize(Tensor matrix, int iterations, double epsilon, ScalarType type)
    {
        bool tall = matrix.size(0) > matrix.size(1);
        Tensor x = (tall ? matrix.t() : matrix) / linalg.vector_norm(matrix, 2).clamp_(min: epsilon);
        x = x.to(type);
        for (int i = 0; i < iterations; i++)
        {
            Tensor gram = x.mm(x.t());
            x = addmm(x, addmm(gram, gram, gram, beta: B, alpha: C), x, beta: A, alpha: 1);
        }
        return (tall ? x.t() : x).to(ScalarType.Float32);
    }

    private static bool IsOrthogonal(ParameterRange range) => range.Shape.Length == 2 && range.Block is not null && !range.IsEmbedding;
}

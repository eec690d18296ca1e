using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>LAMB: one pass for the moments and the update, then a scaled addition for each parameter.</summary>
internal sealed class Lamb : IOptimizer
{
    private const int Update = 2;
    private readonly FlatParameters _parameters;
    private readonly LambOptions _options;
    private readonly ParameterGroup[] _groups;
    private readonly ElementwisePart<LambRule> _part;
    private readonly bool _kernels;

    internal Lamb(FlatParameters parameters, LambOptions options, UpdateOptions update, bool kernels)
    {
        (_parameters, _options, _kernels) = (parameters, options, kernels);
        _groups = ParameterGroup.Of(parameters, update);
        _part = new(parameters, update, _groups, ["first_moment", "second_moment", "update"], Rule, kernels: kernels);
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _kernels ? _parameters.GradientNorm() : _parameters.GradientNorm(kernels: false);

    public void Step(double learningRate, double gradientScale = 1)
    {
        _part.Step(++StepCount, learningRate, gradientScale);
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        (ParameterRange Range, Tensor Master, Tensor Update, double Rate, bool Adapts)[] layers = [.. _groups.SelectMany((group, i) => group.Ranges.Select(range =>
            (range, Part(_parameters.Master, range), _part.Of(Update, i, range), learningRate * group.RateScale, group.Decays || _options.AdaptVectors)))];
        // One wait for the device, and not two for each parameter.
        using Tensor norms = stack(layers.SelectMany(l => new[] { linalg.vector_norm(l.Master, 2), linalg.vector_norm(l.Update, 2) })).cpu();
        float[] values = norms.data<float>().ToArray();
        for (int i = 0; i < layers.Length; i++)
        {
            var (range, master, update, rate, adapts) = layers[i];
            double weight = values[2 * i], size = values[2 * i + 1];
            master.add_(update, alpha: -rate * (adapts && weight > 0 && size > 0 ? weight / size : 1));
            if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) Part(_parameters.Compute, range).copy_(master);
        }
    }

    // The update is of no use in the next step.
    public IEnumerable<(string Name, Tensor View)> State() => _part.State().Where(t => !t.Name.StartsWith("update.", StringComparison.Ordinal));

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose() => _part.Dispose();

    private LambRule Rule(UpdateContext at) => new(_options.Beta1, _options.Beta2, _options.Epsilon, at.Decays ? _options.WeightDecay : 0,
        1 / (1 - Math.Pow(_options.Beta1, at.Step)), 1 / Math.Sqrt(1 - Math.Pow(_options.Beta2, at.Step)));

    private static Tensor Part(Tensor flat, ParameterRange range) => flat.narrow(0, range.Start, range.End - range.Start);
}

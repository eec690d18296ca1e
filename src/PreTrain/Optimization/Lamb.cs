using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>LAMB: the moments and the update, then for each parameter an addition that is scaled by the sizes of both.</summary>
internal sealed class Lamb : IOptimizer
{
    private const int First = 0, Second = 1, Update = 2;
    private readonly FlatParameters _parameters;
    private readonly LambOptions _options;
    private readonly UpdateOptions _update;
    private readonly ParameterGroup[] _groups;
    private readonly ElementwisePart<LambRule> _part;
    private readonly bool _kernels;

    internal Lamb(FlatParameters parameters, LambOptions options, UpdateOptions update, bool kernels)
    {
        (_parameters, _options, _update, _kernels) = (parameters, options, update, kernels && TensorMemory.HasKernelsFor(parameters.Master));
        _groups = ParameterGroup.Of(parameters, update);
        _part = new(parameters, update, _groups, ["first_moment", "second_moment", _kernels ? null : "update"], Rule, kernels: false);
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _parameters.GradientNorm(_kernels);

    public void Step(double learningRate, double gradientScale = 1)
    {
        StepCount++;
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        if (_kernels)
        {
            for (int i = 0; i < _groups.Length; i++)
            {
                ParameterGroup group = _groups[i];
                double rate = learningRate * group.RateScale;
                LambRule rule = Rule(new UpdateContext(StepCount, rate, group.Decays));
                GradientShape shape = GradientShape.Of(_update, gradientScale, group.Decays);
                foreach (ParameterRange range in group.Ranges)
                    LambKernels.Update(_parameters, range, _part.Of(First, i, range), _part.Of(Second, i, range), shape, rule, rate, group.Decays || _options.AdaptVectors);
            }
            return;
        }
        _part.Step(StepCount, learningRate, gradientScale);
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

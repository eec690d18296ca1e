using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Adafactor, parameter by parameter, since its factors are sums over rows and columns and its update is scaled by sizes of the whole.</summary>
internal sealed class Adafactor : IOptimizer
{
    private readonly FlatParameters _parameters;
    private readonly AdafactorOptions _options;
    private readonly UpdateOptions _update;
    private readonly Layer[] _layers;
    private readonly bool _kernels;
    private readonly AdafactorKernels.Room[]? _rooms;

    internal Adafactor(FlatParameters parameters, AdafactorOptions options, UpdateOptions update, bool kernels)
    {
        (_parameters, _options, _update, _kernels) = (parameters, options, update, kernels && TensorMemory.HasKernelsFor(parameters.Master));
        using DisposeScope scope = NewDisposeScope();
        _layers = [.. ParameterGroup.Of(parameters, update).SelectMany(group => group.Ranges.Select(range => new Layer(range, group, options.Beta1 > 0, parameters.Master.device)))];
        if (_kernels) _rooms = [.. _layers.Select(layer => new AdafactorKernels.Room(layer.Range, layer.Rows, layer.Columns, layer.Square, layer.First))];
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _parameters.GradientNorm(_kernels);

    public void Step(double learningRate, double gradientScale = 1)
    {
        StepCount++;
        double rate = learningRate;
        if (_options.RelativeStep) rate = _options.RateOf(StepCount);
        double old = 1 - Math.Pow(StepCount, -_options.DecayPower);
        using IDisposable mode = no_grad();
        AdafactorKernels.Step[] steps = [.. _layers.Select(layer => new AdafactorKernels.Step(old, rate * layer.Group.RateScale, layer.Group.Decays ? _options.WeightDecay : 0, GradientShape.Of(_update, gradientScale, layer.Group.Decays), _options))];
        if (_rooms is not null) AdafactorKernels.Update(_parameters, _rooms, steps);
        else for (int i = 0; i < steps.Length; i++) Apply(_layers[i], steps[i]);
    }

    public IEnumerable<(string Name, Tensor View)> State() => _layers.SelectMany(layer => layer.State());

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose()
    {
        foreach (Layer layer in _layers) layer.Dispose();
    }

    private void Apply(Layer layer, AdafactorKernels.Step step)
    {
        using DisposeScope scope = NewDisposeScope();
        double old = step.Old;
        Tensor gradient = layer.View(_parameters.StepGradient), master = layer.View(_parameters.Master);
        Tensor g = ElementwisePart<AdamRule>.Shaped(gradient, master, step.Shape);
        gradient.zero_();
        Tensor scale = full([], step.Rate, dtype: ScalarType.Float32, device: g.device);
        if (_options.ScaleParameter) scale = scale * RootMeanSquare(master).clamp_(min: _options.ScaleEpsilon);
        Tensor square = g.square().add_(_options.SquareEpsilon), update;
        if (layer.Rows is { } rows)
        {
            Tensor columns = layer.Columns!;
            rows.mul_(old).add_(square.mean([-1]), alpha: 1 - old);
            columns.mul_(old).add_(square.mean([-2]), alpha: 1 - old);
            update = (rows / rows.mean([-1], keepdim: true)).rsqrt().unsqueeze(-1) * columns.unsqueeze(-2).rsqrt();
        }
        else
        {
            layer.Square!.mul_(old).add_(square, alpha: 1 - old);
            update = layer.Square.rsqrt();
        }
        update = update.mul_(g);
        update = update.div_((RootMeanSquare(update) / _options.ClipThreshold).clamp_(min: 1)).mul_(scale);
        if (layer.First is { } first) update = first.mul_(_options.Beta1).add_(update, alpha: 1 - _options.Beta1);
        if (step.WeightDecay > 0) master.mul_((scale * -step.WeightDecay).add_(1));
        master.sub_(update);
        if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) layer.View(_parameters.Compute).copy_(master);
    }

    private static Tensor RootMeanSquare(Tensor t) => linalg.vector_norm(t, 2) / Math.Sqrt(t.numel());

    /// <summary>A parameter and its state: the factors of a matrix, or the whole second moment.</summary>
    private sealed class Layer : IDisposable
    {
        internal Layer(ParameterRange range, ParameterGroup group, bool first, Device device)
        {
            (Range, Group) = (range, group);
            if (range.IsMatrix)
            {
                Rows = Zeros(range.Shape[..^1]);
                Columns = Zeros([.. range.Shape[..^2], range.Shape[^1]]);
            }
            else
            {
                Square = Zeros(range.Shape);
            }
            if (first) First = Zeros(range.Shape);

            Tensor Zeros(long[] shape) => zeros(shape, dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
        }

        internal ParameterRange Range { get; }

        internal ParameterGroup Group { get; }

        internal Tensor? Rows { get; }

        internal Tensor? Columns { get; }

        internal Tensor? Square { get; }

        internal Tensor? First { get; }

        internal Tensor View(Tensor flat) => flat.narrow(0, Range.Start, Range.Count).view(Range.Shape);

        internal IEnumerable<(string, Tensor)> State() =>
            new[] { ("rows", Rows), ("columns", Columns), ("square", Square), ("first_moment", First) }.Where(t => t.Item2 is not null).Select(t => ($"{t.Item1}.{Range.Name}", t.Item2!.alias()));

        public void Dispose()
        {
            foreach (Tensor? t in new[] { Rows, Columns, Square, First }) t?.Dispose();
        }
    }
}

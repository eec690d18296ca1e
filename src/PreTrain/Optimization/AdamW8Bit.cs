using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>AdamW with moments in 8 bits for matrices, and in 32 bits for vectors.</summary>
internal sealed class AdamW8Bit : IOptimizer
{
    private readonly FlatParameters _parameters;
    private readonly AdamW8BitOptions _options;
    private readonly UpdateOptions _update;
    private readonly Layer[] _layers;
    private readonly ElementwisePart<AdamRule> _rest;
    private readonly bool _kernels;

    internal AdamW8Bit(FlatParameters parameters, AdamW8BitOptions options, UpdateOptions update, bool kernels)
    {
        (_parameters, _options, _update, _kernels) = (parameters, options, update, kernels && TensorMemory.HasKernelsFor(parameters.Master));
        using DisposeScope scope = NewDisposeScope();
        _layers = [.. ParameterGroup.Of(parameters, update, range => range.IsMatrix).SelectMany(group => group.Ranges.Select(range => new Layer(range, group, parameters.Master.device)))];
        _rest = new(parameters, update, ParameterGroup.Of(parameters, update, range => !range.IsMatrix), AdamRule.Kinds, Rule, kernels: kernels);
    }

    public long StepCount { get; private set; }

    public double GradientNorm() => _parameters.GradientNorm(_kernels);

    public void Step(double learningRate, double gradientScale = 1)
    {
        _rest.Step(++StepCount, learningRate, gradientScale);
        using IDisposable mode = no_grad();
        foreach (Layer layer in _layers)
        {
            AdamRule rule = Rule(new UpdateContext(StepCount, learningRate * layer.Group.RateScale, layer.Group.Decays));
            GradientShape shape = GradientShape.Of(_update, gradientScale, layer.Group.Decays);
            if (_kernels) EightBitKernels.Update(_parameters.StepGradient, _parameters.Master, _parameters.Compute, layer.First, layer.FirstScale, layer.Second, layer.SecondScale, layer.Range, shape, rule);
            else Apply(layer, shape, rule);
        }
    }

    public IEnumerable<(string Name, Tensor View)> State() => _rest.State().Concat(_layers.SelectMany(layer => layer.State()));

    public void Save(string path) => OptimizerState.Save(path, this);

    public void Load(string path) => StepCount = OptimizerState.Load(path, this);

    public void Dispose()
    {
        foreach (Layer layer in _layers) layer.Dispose();
        _rest.Dispose();
    }

    private AdamRule Rule(UpdateContext at) => AdamRule.Of(at, _options.Beta1, _options.Beta2, _options.Epsilon, _options.WeightDecay);

    private void Apply(Layer layer, GradientShape shape, AdamRule rule)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = Part(_parameters.StepGradient), master = Part(_parameters.Master);
        Tensor first = Dequantize(layer.First, layer.FirstScale, DynamicCode.Signed), second = Dequantize(layer.Second, layer.SecondScale, DynamicCode.Unsigned);
        rule.Apply(master, ElementwisePart<AdamRule>.Shaped(gradient, master, shape), [first, second]);
        Quantize(first, layer.First, layer.FirstScale, DynamicCode.Signed);
        Quantize(second, layer.Second, layer.SecondScale, DynamicCode.Unsigned);
        if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) Part(_parameters.Compute).copy_(master);
        gradient.zero_();

        Tensor Part(Tensor flat) => flat.narrow(0, layer.Range.Start, layer.Range.End - layer.Range.Start);
    }

    private static Tensor Dequantize(Tensor codes, Tensor scales, DynamicCode code)
    {
        Tensor values = tensor(code.Values, device: codes.device).index_select(0, codes.to(ScalarType.Int64));
        return values * scales.repeat_interleave(DynamicCode.BlockSize).narrow(0, 0, codes.numel());
    }

    private static void Quantize(Tensor values, Tensor codes, Tensor scales, DynamicCode code)
    {
        long padding = scales.numel() * DynamicCode.BlockSize - values.numel();
        Tensor blocks = nn.functional.pad(values, [0, padding]).view(-1, DynamicCode.BlockSize);
        scales.copy_(blocks.abs().amax([1]));
        Tensor inverse = where(scales > 0, scales.reciprocal(), zeros_like(scales));
        Tensor scaled = (blocks * inverse.unsqueeze(1)).view(-1).narrow(0, 0, values.numel());
        codes.copy_(bucketize(scaled, tensor(code.Borders, device: codes.device), right: true));
    }

    /// <summary>A matrix and its quantized moments.</summary>
    private sealed class Layer : IDisposable
    {
        internal Layer(ParameterRange range, ParameterGroup group, Device device)
        {
            (Range, Group) = (range, group);
            long blocks = (range.Count + DynamicCode.BlockSize - 1) / DynamicCode.BlockSize;
            First = full([range.End - range.Start], DynamicCode.Signed.Zero, dtype: ScalarType.Byte, device: device).DetachFromDisposeScope();
            Second = full([range.End - range.Start], DynamicCode.Unsigned.Zero, dtype: ScalarType.Byte, device: device).DetachFromDisposeScope();
            FirstScale = zeros([blocks], dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
            SecondScale = zeros([blocks], dtype: ScalarType.Float32, device: device).DetachFromDisposeScope();
        }

        internal ParameterRange Range { get; }

        internal ParameterGroup Group { get; }

        internal Tensor First { get; }

        internal Tensor FirstScale { get; }

        internal Tensor Second { get; }

        internal Tensor SecondScale { get; }

        internal IEnumerable<(string, Tensor)> State()
        {
            yield return ($"first_moment_codes.{Range.Name}", First.narrow(0, 0, Range.Count));
            yield return ($"first_moment_scales.{Range.Name}", FirstScale.alias());
            yield return ($"second_moment_codes.{Range.Name}", Second.narrow(0, 0, Range.Count));
            yield return ($"second_moment_scales.{Range.Name}", SecondScale.alias());
        }

        public void Dispose()
        {
            foreach (Tensor t in new[] { First, FirstScale, Second, SecondScale }) t.Dispose();
        }
    }
}

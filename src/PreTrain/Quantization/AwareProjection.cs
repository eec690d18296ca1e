// N rows (tokens), I inputs, O outputs, G groups of a row
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>A linear map that is trained with the roundings that it will have.</summary>
internal sealed class AwareProjection : ProjectionTransform
{
    private const int InputDown = 128, InputUp = 127;   // codes of bytes, around 0

    /// <summary>The learned steps of the weight, (O, G, 1) or (1, 1, 1), and of the inputs, (1); null where none are learned.</summary>
    internal readonly Parameter? weight_step, input_step;

    private readonly QuantizationScheme _scheme;
    private readonly QuantizedFormat _format;
    private readonly int _down, _up;

    /// <param name="projection">The map.</param>
    /// <param name="options">Bits and groups.</param>
    /// <param name="method">How weights are rounded.</param>
    /// <param name="meanInput">⟨|x|⟩, where inputs have a learned step.</param>
    internal AwareProjection(Projection projection, QuantizationOptions options, AwareMethod method, double? meanInput) : base(nameof(AwareProjection))
    {
        (_scheme, _format) = (options.Scheme, options.Format);
        (_down, _up) = _format.Bits == 8 ? (127, 127) : (8, 7);
        if (method == AwareMethod.LearnedStep)
        {
            using DisposeScope scope = NewDisposeScope();
            using IDisposable mode = no_grad();
            Tensor sizes = Grouped(projection.weight.detach().to(ScalarType.Float32).abs());
            Tensor mean = _format.IsPerTensor ? sizes.mean().view(1, 1, 1) : sizes.mean([2], keepdim: true);
            weight_step = new Parameter(scope.Detach(LearnedStep.Initial(mean, _up)));
            if (meanInput is { } size) input_step = new Parameter(scope.Detach(LearnedStep.Initial(tensor(new[] { (float)size }), InputUp)));
        }
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x) => Multiply(x, projection.weight, null);

    /// <inheritdoc/>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias) => Multiply(x, projection.weight, bias);

    /// <summary>The map in few bits, which computes the same.</summary>
    /// <exception cref="InvalidOperationException">A learned step is not positive and finite.</exception>
    /// <exception cref="ArgumentException">The weight is not finite.</exception>
    internal QuantizedProjection Convert(string name, Projection projection)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!projection.weight.isfinite().all().item<bool>()) throw new ArgumentException($"The weight of the linear map '{name}' has values that are not finite.");
        if (weight_step is null) return new(QuantizedMatrix.Quantize(projection.weight, _format), _scheme);
        Tensor steps = weight_step.detach().to(ScalarType.Float32), all = input_step is null ? steps.view(-1) : cat([steps.view(-1), input_step.detach().to(ScalarType.Float32)]);
        float least = all.min().item<float>(), largest = all.max().item<float>();
        if (!(least > 0 && float.IsFinite(largest)))
            throw new InvalidOperationException(FormattableString.Invariant($"A learned step of the linear map '{name}' is {(least > 0 ? largest : least)}, and steps must be positive and finite; train them with a lower learning rate ({nameof(QuantizationAwareTraining)}.{nameof(QuantizationAwareTraining.StepRule)})."));
        Tensor codes = LearnedStep.Codes(Grouped(projection.weight.detach()), steps, _down, _up).to(ScalarType.Int8).view(projection.weight.shape);
        Tensor scales = steps.expand([projection.weight.size(0), steps.size(1), 1]).squeeze(2);
        ActivationGrid? grid = input_step is null ? null : new ActivationGrid(input_step.detach().to(ScalarType.Float32).item<float>(), InputDown);
        return new(QuantizedMatrix.Of(codes, scales, null, _format), _scheme, grid);
    }

    private Tensor Multiply(Tensor x, Parameter weight, Parameter? bias)
    {
        if (x.device_type != DeviceType.CPU) throw new InvalidOperationException($"x is on {x.device}, and training with roundings computes on the CPU; move the model there.");
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = x.reshape(-1, x.size(-1));
        if (input_step is not null) rows = LearnedStep.Apply(rows, input_step, InputDown, InputUp, rows.size(1));
        else if (_scheme == QuantizationScheme.Int8Dynamic) rows = StraightThrough.Rows(rows);
        Tensor rounded = weight_step is null
            ? StraightThrough.Weight(weight, _format)
            : LearnedStep.Apply(Grouped(weight), weight_step, _down, _up, weight.numel() / weight_step.numel()).view(weight.shape);
        return scope.MoveToOuter(WeightProduct.Apply(rows, rounded, bias).reshape([.. x.shape[..^1], weight.size(0)]));
    }

    /// <summary>(O, I) → (O, G, I/G).</summary>
    private Tensor Grouped(Tensor weight) => weight.view(weight.size(0), -1, _format.GroupSize == 0 ? weight.size(1) : _format.GroupSize);
}

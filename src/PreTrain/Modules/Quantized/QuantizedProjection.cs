// N rows (tokens), I inputs, O outputs
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>A linear map that computes with a weight of few bits, on the CPU and without gradients.</summary>
public sealed class QuantizedProjection : ProjectionTransform
{
    private readonly bool _isDynamic;

    /// <summary>Creates the transform.</summary>
    /// <param name="weight">W, which is disposed with the transform.</param>
    /// <param name="scheme">What the products are of.</param>
    /// <exception cref="ArgumentException">The scheme is for another number of bits, or the weight has more inputs than sums of bytes can hold.</exception>
    public QuantizedProjection(QuantizedMatrix weight, QuantizationScheme scheme) : base(nameof(QuantizedProjection))
    {
        ArgumentNullException.ThrowIfNull(weight);
        int bits = scheme == QuantizationScheme.Int4Weights ? 4 : 8;
        if (weight.Format.Bits != bits) throw new ArgumentException($"{scheme} is for weights of {bits} bits, and this one has {weight.Format.Bits}.", nameof(scheme));
        _isDynamic = scheme == QuantizationScheme.Int8Dynamic;
        if (_isDynamic && weight.Inputs > Int8Product.MostInputs)
            throw new ArgumentException($"The number of inputs ({weight.Inputs}) must be at most {Int8Product.MostInputs} for {scheme}, whose sums have 32 bits; take {nameof(QuantizationScheme.Int8Weights)}.", nameof(weight));
        (Weight, Scheme) = (weight, scheme);
        RegisterComponents();
    }

    /// <summary>W, (O, I).</summary>
    public QuantizedMatrix Weight { get; }

    /// <summary>What the products are of.</summary>
    public QuantizationScheme Scheme { get; }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Gradients are wanted.</exception>
    /// <exception cref="ArgumentException">x has other inputs, or is not on the CPU.</exception>
    public override Tensor Product(Projection projection, Tensor x) => Multiply(x, null);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Gradients are wanted.</exception>
    /// <exception cref="ArgumentException">x has other inputs, or is not on the CPU.</exception>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias) => Multiply(x, bias);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Weight.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>Computes in place of the map's weight from now on, and lets go of that weight's memory.</summary>
    internal void Replace(Projection map)
    {
        using IDisposable mode = no_grad();
        train(map.training);
        map.Transform = this;
        map.weight.requires_grad = false;
        using Tensor nothing = empty([0], dtype: map.weight.dtype);
        map.weight.set_(nothing);
    }

    /// <summary>x·Wᵀ + b.</summary>
    internal Tensor Multiply(Tensor x, Tensor? bias)
    {
        if (is_grad_enabled() && (training || x.requires_grad))
            throw new InvalidOperationException("A quantized linear map computes no gradients. Evaluate it in no_grad() or inference_mode(), or train the model before it is quantized.");
        if (x.shape[^1] != Weight.Inputs) throw new ArgumentException($"x ({string.Join(", ", x.shape)}) must have {Weight.Inputs} elements along its last axis.", nameof(x));
        if (x.device_type != DeviceType.CPU) throw new ArgumentException($"x is on {x.device}, and quantized linear maps compute on the CPU; move the model there before it is quantized.", nameof(x));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Tensor rows = x.reshape(-1, Weight.Inputs).to(ScalarType.Float32).contiguous();
        Tensor? wideBias = bias?.detach().to(ScalarType.Float32).contiguous();
        Tensor y = _isDynamic ? Int8Product.Apply(rows, Weight, wideBias) : WeightOnlyProduct.Apply(rows, Weight, wideBias);
        return scope.MoveToOuter(y.to(x.dtype).reshape([.. x.shape[..^1], Weight.Outputs]));
    }
}

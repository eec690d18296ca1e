// N rows (tokens), I inputs, O outputs
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// A linear map that computes with a weight of few bits. On the CPU products are of the codes; on other devices the weight's values are made before each product, of which the device keeps the codes alone, and
/// inputs are not rounded, whatever the scheme. There are gradients for its inputs alone, and only where an adapter is trained beside it.
/// </summary>
public sealed class QuantizedProjection : ProjectionTransform
{
    /// <summary>Creates the transform.</summary>
    /// <param name="weight">W, which is disposed with the transform.</param>
    /// <param name="scheme">What the products are of.</param>
    /// <param name="activations">With <see cref="QuantizationScheme.Int8Static"/>, what the codes of x stand for; otherwise null.</param>
    /// <exception cref="ArgumentException">The scheme is for weights of another kind, or the weight has more inputs than sums of bytes can hold; the grid of x is missing, or of no use.</exception>
    public QuantizedProjection(QuantizedMatrix weight, QuantizationScheme scheme, ActivationGrid? activations = null) : base(nameof(QuantizedProjection))
    {
        ArgumentNullException.ThrowIfNull(weight);
        int bits = scheme is QuantizationScheme.Int4Weights or QuantizationScheme.NormalFloat4 ? 4 : 8;
        if (weight.Format.Bits != bits) throw new ArgumentException($"{scheme} is for weights of {bits} bits, and this one has {weight.Format.Bits}.", nameof(scheme));
        if (weight.Format.IsNormalFloat != (scheme == QuantizationScheme.NormalFloat4))
            throw new ArgumentException($"{scheme} is for weights {(weight.Format.IsNormalFloat ? "whose values lie evenly" : "of NF4")}, and this one is {(weight.Format.IsNormalFloat ? "of NF4" : "none of them")}.", nameof(scheme));
        if (HasWholeProducts(scheme) && weight.Inputs > Int8Product.MostInputs)
            throw new ArgumentException($"The number of inputs ({weight.Inputs}) must be at most {Int8Product.MostInputs} for {scheme}, whose sums have 32 bits; take {nameof(QuantizationScheme.Int8Weights)}.", nameof(weight));
        if (activations is null == (scheme == QuantizationScheme.Int8Static))
            throw new ArgumentException($"{scheme} {(activations is null ? "needs the grid of its activations" : "has no given grid of activations")}.", nameof(activations));
        (Weight, Scheme, Activations) = (weight, scheme, activations);
        RegisterComponents();
    }

    /// <summary>W, (O, I).</summary>
    public QuantizedMatrix Weight { get; private set; }

    /// <summary>What the products are of.</summary>
    public QuantizationScheme Scheme { get; }

    /// <summary>What the codes of x stand for; null where it is not rounded, or as it comes.</summary>
    public ActivationGrid? Activations { get; }

    /// <summary>With <see cref="QuantizationScheme.Int8Dynamic"/>, whether the scale of a row of x reaches as far down as up, as some checkpoints ask for.</summary>
    internal bool HasSymmetricInputs { get; init; }

    /// <summary>Whether an adapter is trained beside it, so that its inputs have gradients.</summary>
    internal bool IsBase { get; set; }

    /// <summary>Whether x is not rounded, so that there can be gradients.</summary>
    internal bool IsWeightOnly => !HasWholeProducts(Scheme);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Gradients are wanted.</exception>
    /// <exception cref="ArgumentException">x has other inputs.</exception>
    public override Tensor Product(Projection projection, Tensor x) => Multiply(x, null);

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Gradients are wanted.</exception>
    /// <exception cref="ArgumentException">x has other inputs.</exception>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias) => Multiply(x, bias);

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Weight.Dispose();
        base.Dispose(disposing);
    }

    /// <summary>What a map computes with in few bits, by itself or beneath an adapter; null if nothing.</summary>
    internal static QuantizedProjection? Of(Projection map) => (map.Transform?.Base ?? map.Transform) as QuantizedProjection;

    /// <summary>Computes in place of the map's weight from now on, and lets go of that weight's memory.</summary>
    internal void Replace(Projection map)
    {
        using IDisposable mode = no_grad();
        train(map.training);
        map.Transform = this;
        map.weight.requires_grad = false;
        using Tensor nothing = empty([0], dtype: map.weight.dtype, device: map.weight.device);
        map.weight.set_(nothing);
    }

    /// <summary>Computes with another weight of the same format from now on.</summary>
    /// <returns>The weight so far, which is the caller's now.</returns>
    internal QuantizedMatrix Exchange(QuantizedMatrix weight)
    {
        QuantizedMatrix before = Weight;
        before.ReleaseCopy();
        Weight = weight;
        return before;
    }

    /// <summary>x·Wᵀ + b.</summary>
    internal Tensor Multiply(Tensor x, Tensor? bias)
    {
        if (is_grad_enabled() && (training || x.requires_grad) && !IsBase)
            throw new InvalidOperationException("A quantized linear map computes no gradients. Evaluate it in no_grad() or inference_mode(), or train the model before it is quantized.");
        if (x.shape[^1] != Weight.Inputs) throw new ArgumentException($"x ({string.Join(", ", x.shape)}) must have {Weight.Inputs} elements along its last axis.", nameof(x));
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = x.reshape(-1, Weight.Inputs);
        if (x.device_type == DeviceType.CPU)
        {
            rows = rows.to(ScalarType.Float32).contiguous();
            Weight.ReleaseCopy();
        }
        // Beneath an adapter with gradients or without: what recomputation runs again is the same to the last bit.
        Tensor y = is_grad_enabled() && x.requires_grad ? InputGradient.apply(rows, Weight) : Compute(rows, IsBase ? null : bias);
        if (IsBase && bias is not null) y += bias.to(y.dtype);
        return scope.MoveToOuter(y.to(x.dtype).reshape([.. x.shape[..^1], Weight.Outputs]));
    }

    private Tensor Compute(Tensor rows, Tensor? bias)
    {
        using IDisposable mode = no_grad();
        if (rows.device_type != DeviceType.CPU) return ValueProduct.Apply(rows, Weight, bias?.detach());
        Tensor? wide = bias?.detach().to(ScalarType.Float32).contiguous();
        return IsWeightOnly ? WeightOnlyProduct.Apply(rows, Weight, wide) : Int8Product.Apply(rows, Weight, wide, Activations, HasSymmetricInputs);
    }

    private static bool HasWholeProducts(QuantizationScheme scheme) => scheme is QuantizationScheme.Int8Dynamic or QuantizationScheme.Int8Static;

    /// <summary>x·Wᵀ whose backward pass makes the values of the weight once more, so that nothing keeps them.</summary>
    private sealed class InputGradient : autograd.SingleTensorFunction<InputGradient>
    {
        public override string Name => nameof(InputGradient);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, weight) = ((Tensor)vars[0], (QuantizedMatrix)vars[1]);
            ctx.save_data("weight", weight);
            return x.device_type == DeviceType.CPU ? WeightOnlyProduct.Apply(x, weight, null) : ValueProduct.Apply(x, weight, null);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            var weight = (QuantizedMatrix)ctx.get_data("weight");
            return [grad_output.device_type == DeviceType.CPU ? WeightOnlyProduct.InputGradient(grad_output, weight) : ValueProduct.InputGradient(grad_output, weight), null!];
        }
    }
}

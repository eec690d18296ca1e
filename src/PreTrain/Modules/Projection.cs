using PreTrain.Torch.Cpu;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// An affine map y = x·Wᵀ + b. It is created without initial values, which its model or a checkpoint gives, and offers the product
/// alone, since the operation that follows often adds the bias in its own pass over memory.
/// </summary>
public sealed class Projection : nn.Module<Tensor, Tensor>
{
    /// <summary>W, (outputs, inputs).</summary>
    public readonly Parameter weight;

    /// <summary>b, (outputs), or null.</summary>
    public readonly Parameter? bias;

    /// <summary>Creates the map with undefined values.</summary>
    /// <param name="inputs">The length of the last axis of x.</param>
    /// <param name="outputs">The length of the last axis of y.</param>
    /// <param name="hasBias">Whether there is a b.</param>
    public Projection(long inputs, long outputs, bool hasBias = true) : base(nameof(Projection))
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(inputs);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(outputs);
        ProcessHeap.KeepFreedMemory();   // what one pass over a model frees, the next one needs
        weight = new Parameter(empty([outputs, inputs], dtype: ScalarType.Float32));
        bias = hasBias ? new Parameter(empty([outputs], dtype: ScalarType.Float32)) : null;
        RegisterComponents();
    }

    /// <summary>What is computed in place of x·Wᵀ; null for the product itself. It is a submodule, and disposed with the projection.</summary>
    public ProjectionTransform? Transform
    {
        get;
        set
        {
            if (ReferenceEquals(field, value)) return;
            if (field is not null) register_module("transform", null!);
            if (value is not null) register_module("transform", value);
            field = value;
        }
    }

    /// <summary>x·Wᵀ + b.</summary>
    /// <param name="x">(…, inputs).</param>
    /// <returns>(…, outputs).</returns>
    public override Tensor forward(Tensor x)
    {
        if (Transform is null) return WeightProduct.Apply(x, weight, bias);
        return bias is null ? Transform.Product(this, x) : Transform.ProductAndBias(this, x, bias);
    }

    /// <summary>x·Wᵀ, without the bias.</summary>
    /// <param name="x">(N, inputs).</param>
    /// <returns>(N, outputs).</returns>
    public Tensor Product(Tensor x) => Transform is null ? WeightProduct.Apply(x, weight) : Transform.Product(this, x);
}

// N rows (tokens), I inputs, O outputs
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>A linear map in which weights that are zero get no gradient.</summary>
internal sealed class MaskedProjection : ProjectionTransform
{
    /// <summary>Where the weight is not zero, (O, I) of booleans. A buffer, so that it moves with the model.</summary>
    internal readonly Tensor mask;

    internal MaskedProjection(Projection projection) : base(nameof(MaskedProjection))
    {
        mask = projection.weight.ne(0).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x) => Multiply(x, projection.weight, null);

    /// <inheritdoc/>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias) => Multiply(x, projection.weight, bias);

    private Tensor Multiply(Tensor x, Parameter weight, Parameter? bias)
    {
        if (!is_grad_enabled() || !weight.requires_grad) return WeightProduct.Apply(x, weight, bias);
        using Tensor masked = weight * mask;
        return WeightProduct.Apply(x, masked, bias);
    }
}

// N rows (tokens), I inputs, O outputs
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>A linear map that computes with the weights of the highest scores, which are learned as if all of them took part (Sanh et al. 2020, section 4).</summary>
internal sealed class MovementProjection : ProjectionTransform
{
    /// <summary>S, (O, I).</summary>
    internal readonly Parameter scores;

    /// <summary>M, where a weight takes part, (O, I) of booleans.</summary>
    internal readonly Tensor mask;

    internal MovementProjection(Projection projection) : base(nameof(MovementProjection))
    {
        scores = new Parameter(zeros_like(projection.weight, dtype: ScalarType.Float32).DetachFromDisposeScope());
        mask = ones_like(projection.weight, dtype: ScalarType.Bool).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x) => Multiply(x, projection.weight, null);

    /// <inheritdoc/>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias) => Multiply(x, projection.weight, bias);

    private Tensor Multiply(Tensor x, Parameter weight, Parameter? bias)
    {
        using DisposeScope scope = NewDisposeScope();
        // S − S is zero, with a gradient: dL/dS = dL/dW' ∘ W.
        Tensor kept = mask.to(weight.dtype);
        if (is_grad_enabled()) kept += scores.to(weight.dtype) - scores.detach().to(weight.dtype);
        return scope.MoveToOuter(WeightProduct.Apply(x, weight * kept, bias));
    }
}

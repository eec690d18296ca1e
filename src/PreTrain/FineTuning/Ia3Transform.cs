// N rows (tokens), I inputs, O outputs
using PreTrain.Modules;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>A linear map whose inputs or outputs, the bias included, are multiplied with learned factors.</summary>
internal sealed class Ia3Transform : ProjectionTransform
{
    /// <summary>(I) or (O).</summary>
    internal readonly Parameter factors;

    internal Ia3Transform(Projection map, bool ofInputs) : base(nameof(Ia3Transform))
    {
        OfInputs = ofInputs;
        factors = new Parameter(ones([map.weight.size(ofInputs ? 1 : 0)], dtype: ScalarType.Float32, device: map.weight.device));
        factors.DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>Whether the factors are those of the inputs.</summary>
    internal bool OfInputs { get; }

    /// <summary>Whether they take part.</summary>
    internal bool IsActive { get; set; } = true;

    /// <inheritdoc/>
    internal override bool IsIdle => !IsActive;

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!IsActive) return scope.MoveToOuter(WeightProduct.Apply(x, projection.weight));
        if (OfInputs) return scope.MoveToOuter(WeightProduct.Apply(x * factors, projection.weight));
        Tensor product = WeightProduct.Apply(x, projection.weight) * factors;
        // The bias that is added afterwards counts as often as its factor says.
        return scope.MoveToOuter(projection.bias is { } bias ? product + bias * (factors - 1) : product);
    }

    /// <inheritdoc/>
    public override Tensor ProductAndBias(Projection projection, Tensor x, Parameter bias)
    {
        using DisposeScope scope = NewDisposeScope();
        if (!IsActive) return scope.MoveToOuter(WeightProduct.Apply(x, projection.weight, bias));
        Tensor y = WeightProduct.Apply(OfInputs ? x * factors : x, projection.weight, bias);
        return scope.MoveToOuter(OfInputs ? y : y * factors);
    }
}

// N rows, I inputs
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Sums xᵀx over all rows that a linear map sees, and computes the product itself unchanged.</summary>
internal sealed class InputMoments : ProjectionTransform
{
    internal InputMoments(long inputs) : base(nameof(InputMoments))
    {
        Sum = zeros([inputs, inputs], dtype: ScalarType.Float32).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>Σ xᵀx, (I, I).</summary>
    internal Tensor Sum { get; }

    /// <summary>N so far.</summary>
    internal long Rows { get; private set; }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using (NewDisposeScope())
        {
            Tensor rows = x.detach().reshape(-1, x.size(-1)).to(ScalarType.Float32);
            Sum.addmm_(rows.t(), rows);
            Rows += rows.size(0);
        }
        return WeightProduct.Apply(x, projection.weight);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing) Sum.Dispose();
        base.Dispose(disposing);
    }
}

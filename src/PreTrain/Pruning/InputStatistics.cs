// N rows (tokens), I inputs, O outputs
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Pruning;

/// <summary>Computes as a linear map does, and sums up what it is applied to.</summary>
internal sealed class InputStatistics : ProjectionTransform
{
    private readonly bool _wantsProducts;

    /// <param name="projection">The map that it is for.</param>
    /// <param name="wantsProducts">Whether Σ x·xᵀ is wanted, and not its diagonal alone.</param>
    internal InputStatistics(Projection projection, bool wantsProducts) : base(nameof(InputStatistics))
    {
        long inputs = projection.weight.size(1);
        _wantsProducts = wantsProducts;
        Sum = zeros(wantsProducts ? [inputs, inputs] : [inputs], dtype: ScalarType.Float64, device: projection.weight.device).DetachFromDisposeScope();
    }

    /// <summary>Σ x·xᵀ, (I, I), or its diagonal, (I), in 64 bits.</summary>
    internal Tensor Sum { get; }

    /// <summary>The rows so far.</summary>
    internal long Rows { get; private set; }

    /// <inheritdoc/>
    public override Tensor Product(Projection projection, Tensor x)
    {
        using (NewDisposeScope())
        using (no_grad())
        {
            Tensor rows = x.reshape(-1, x.size(-1)).to(ScalarType.Float64);
            if (_wantsProducts) Sum.addmm_(rows.t(), rows);
            else Sum.add_(rows.pow(2).sum([0]));
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

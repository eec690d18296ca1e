// N rows (tokens), I inputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>The second moments of what a linear map is applied to.</summary>
internal sealed class InputStatistics : IDisposable
{
    private readonly bool _wantsProducts;

    /// <param name="projection">The map that it is for.</param>
    /// <param name="wantsProducts">Whether Σ x·xᵀ is wanted, and not its diagonal alone.</param>
    /// <param name="type">The type of the sums.</param>
    internal InputStatistics(Projection projection, bool wantsProducts, ScalarType type = ScalarType.Float64)
    {
        long inputs = projection.weight.size(1);
        _wantsProducts = wantsProducts;
        Sum = zeros(wantsProducts ? [inputs, inputs] : [inputs], dtype: type, device: projection.weight.device).DetachFromDisposeScope();
    }

    /// <summary>Σ x·xᵀ, (I, I), or its diagonal, (I).</summary>
    internal Tensor Sum { get; }

    /// <summary>The rows so far.</summary>
    internal long Rows { get; private set; }

    public void Dispose() => Sum.Dispose();

    /// <summary>Takes up rows, (N, I).</summary>
    internal void Add(Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        rows = rows.to(Sum.dtype);
        if (_wantsProducts) Sum.addmm_(rows.t(), rows);
        else Sum.add_(rows.pow(2).sum([0]));
        Rows += rows.size(0);
    }
}

// N rows (tokens), I inputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>How large each input of a linear map is, in the mean and at most.</summary>
internal sealed class InputMagnitudes : IDisposable
{
    private readonly Tensor _sum;

    internal InputMagnitudes(Projection projection)
    {
        using DisposeScope scope = NewDisposeScope();
        _sum = scope.Detach(zeros([projection.weight.size(1)], dtype: ScalarType.Float64, device: projection.weight.device));
        Largest = scope.Detach(zeros([projection.weight.size(1)], dtype: ScalarType.Float32, device: projection.weight.device));
    }

    /// <summary>The largest |x|, (I).</summary>
    internal Tensor Largest { get; }

    /// <summary>The mean of |x|, (I).</summary>
    internal Tensor Mean => (_sum / Math.Max(1, Rows)).to(ScalarType.Float32);

    /// <summary>The rows so far.</summary>
    internal long Rows { get; private set; }

    public void Dispose()
    {
        _sum.Dispose();
        Largest.Dispose();
    }

    /// <summary>Takes up rows, (N, I).</summary>
    internal void Add(Tensor rows)
    {
        if (rows.numel() == 0) return;
        using DisposeScope scope = NewDisposeScope();
        Tensor sizes = rows.to(ScalarType.Float32).abs();
        _sum.add_(sizes.sum([0], type: ScalarType.Float64));
        Largest.copy_(maximum(Largest, sizes.amax([0])));
        Rows += rows.size(0);
    }
}

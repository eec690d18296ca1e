// O outputs, I inputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>The factors of SmoothQuant (Xiao et al. 2022, equation 4).</summary>
internal static class Smoothing
{
    /// <summary>max|x|^α / max|w|^(1 − α) for each input.</summary>
    /// <param name="weights">Those of the maps that read it, (O, I) each.</param>
    /// <param name="largest">max|x|, (I).</param>
    /// <param name="options">α.</param>
    /// <returns>(I). An input or a weight that is always 0 has 1.</returns>
    internal static Tensor Scales(IReadOnlyList<Tensor> weights, Tensor largest, SmoothingOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor sizes = weights.Select(w => w.to(ScalarType.Float32).abs().amax([0])).Aggregate((a, b) => a.maximum(b));
        Tensor scales = largest.pow(options.Strength) / sizes.pow(1 - options.Strength);
        return scope.MoveToOuter(where(largest.gt(0).logical_and(sizes.gt(0)), scales, ones_like(scales)));
    }
}

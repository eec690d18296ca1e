// O outputs, I inputs, G groups of a row, K inputs of a group
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>
/// Weights that are prepared for rounding by what their maps are applied to (Lin et al. 2023, "AWQ: Activation-aware Weight Quantization", section 3.2). Errors are those of the maps' outputs over all rows of the
/// data, which the inputs' second moments give exactly: ‖Δ·x‖² summed is the trace of Δ·(Σ xᵀx)·Δᵀ.
/// </summary>
internal static class Awq
{
    private const double LeastClip = 0.5;   // the paper's code stops at half of the largest weight

    /// <summary>The factors that maps with the same inputs are best multiplied by (equations 4 and 5).</summary>
    /// <param name="weights">(O, I) each.</param>
    /// <param name="sizes">The mean |x|, (I).</param>
    /// <param name="moments">Σ xᵀx, (I, I).</param>
    /// <param name="format">Bits, groups and zero points.</param>
    /// <param name="options">How many exponents are tried.</param>
    /// <returns>(I), around 1; null if the weights are best as they are.</returns>
    internal static Tensor? Search(IReadOnlyList<Tensor> weights, Tensor sizes, Tensor moments, QuantizedFormat format, AwqOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        double least = Error(ones_like(sizes));
        Tensor? best = null;
        for (int step = 1; step < options.ScaleSteps; step++)
        {
            Tensor scales = sizes.pow((double)step / options.ScaleSteps).clamp(min: 1e-4);
            scales = scales / (scales.max() * scales.min()).sqrt();
            double error = Error(scales);
            if (error < least) (least, best) = (error, scales);
        }
        return best is null ? null : scope.MoveToOuter(best);

        double Error(Tensor scales)
        {
            double sum = 0;
            foreach (Tensor weight in weights)
            {
                using DisposeScope one = NewDisposeScope();
                Tensor off = Rounded(weight * scales, format) / scales - weight;
                sum += (off.matmul(moments) * off).sum(ScalarType.Float64).item<double>();
            }
            return sum;
        }
    }

    /// <summary>The weight with the extremes of each group cut off where that makes the group's part of the output more exact.</summary>
    /// <param name="weight">(O, I).</param>
    /// <param name="moments">Σ xᵀx, (I, I).</param>
    /// <param name="format">Bits, groups and zero points.</param>
    /// <param name="options">How many cuts are tried.</param>
    /// <returns>(O, I).</returns>
    internal static Tensor Clip(Tensor weight, Tensor moments, QuantizedFormat format, AwqOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        long outputs = weight.size(0), inputs = weight.size(1), group = format.GroupSize == 0 ? inputs : format.GroupSize, groups = inputs / group;
        Tensor values = weight.to(ScalarType.Float32).view(outputs, groups, group);
        Tensor largest = values.abs().amax([2], keepdim: true), best = largest;                                             // (O, G, 1)
        Tensor blocks = stack(Enumerable.Range(0, (int)groups).Select(g => moments.narrow(0, g * group, group).narrow(1, g * group, group)));   // (G, K, K)
        Tensor least = full([outputs, groups, 1], double.PositiveInfinity, dtype: ScalarType.Float32, device: weight.device);
        for (int step = 0; step < options.ClipSteps; step++)
        {
            using DisposeScope one = NewDisposeScope();
            Tensor limit = largest * (1 - (1 - LeastClip) * step / options.ClipSteps);
            Tensor rounded = Rounded(values.minimum(limit).maximum(-limit).view(outputs, inputs), format).view(outputs, groups, group);
            Tensor off = (rounded - values).transpose(0, 1);                                                                // (G, O, K)
            Tensor error = (off.bmm(blocks) * off).sum([2], keepdim: true).transpose(0, 1);                                 // (O, G, 1)
            Tensor better = error.lt(least);
            (least, best) = (one.MoveToOuter(where(better, error, least)), one.MoveToOuter(where(better, limit, best)));
        }
        return scope.MoveToOuter(values.minimum(best).maximum(-best).view(outputs, inputs));
    }

    private static Tensor Rounded(Tensor weight, QuantizedFormat format)
    {
        using QuantizedMatrix codes = QuantizedMatrix.Quantize(weight, format);
        Tensor values = codes.Dequantize();
        if (weight.device_type == DeviceType.CPU) return values;
        using (values) return values.to(weight.device);
    }
}

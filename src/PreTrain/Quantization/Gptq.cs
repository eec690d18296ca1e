// O outputs, I inputs, G groups of a row
using System.Runtime.InteropServices;
using PreTrain.Modules.Quantized;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PreTrain.Quantization;

/// <summary>
/// Codes that keep what a map computes from data, rather than each weight (Frantar et al. 2022, "GPTQ", algorithm 1): weights are rounded one input after the other, and those that follow take
/// up the error as far as the data allow. Those of a pruned map that are 0 take up none, and stay 0. The blocks of the algorithm, which save memory traffic on other devices, are here a few rows of the weight that stay in the cache through all inputs.
/// </summary>
internal static unsafe class Gptq
{
    private const int TileRows = 8;
    private const double LeastSparsity = 0.05;   // from which on zeros are taken to be meant, as in llm-compressor

    /// <summary>Quantizes.</summary>
    /// <param name="name">The map's name, for faults.</param>
    /// <param name="weight">(O, I).</param>
    /// <param name="moments">Σ xᵀx over the data, (I, I).</param>
    /// <param name="format">Bits, groups and zero points.</param>
    /// <param name="options">Damping and order.</param>
    /// <exception cref="ArgumentException">The damping is too small for the moments to be inverted.</exception>
    internal static QuantizedMatrix Quantize(string name, Tensor weight, Tensor moments, QuantizedFormat format, GptqOptions options)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor values = QuantizedMatrix.Values(weight, format);
        moments = moments.cpu();
        long outputs = weight.size(0), inputs = weight.size(1), groups = format.GroupSize == 0 ? 1 : inputs / format.GroupSize;
        int group = (int)(inputs / groups);
        Tensor sizes = moments.diagonal().to(ScalarType.Float64);
        Tensor unseen = sizes.eq(0);   // inputs that are always 0, whose weights count for nothing
        long[] order = options.OrdersBySize ? sizes.argsort(descending: true).data<long>().ToArray() : [.. Enumerable.Range(0, (int)inputs).Select(i => (long)i)];
        Tensor factor = Factor(name, moments.to(ScalarType.Float64), unseen, options.Damping, tensor(order));
        Tensor zero = values.eq(0);
        Tensor? kept = zero.sum().item<long>() >= LeastSparsity * values.numel() ? zero.logical_not().to(ScalarType.Float64).index_select(1, tensor(order)).contiguous() : null;   // in the order that is gone through
        values = where(unseen, zeros_like(values), values).contiguous();

        Tensor codes = empty([outputs, inputs], dtype: ScalarType.Int8), scales = empty([outputs, groups], dtype: ScalarType.Float32), zeroPoints = empty([outputs, groups], dtype: ScalarType.Int8);
        var pw = (float*)TensorMemory.Address(values);
        double* pu = (double*)TensorMemory.Address(factor), pk = kept is null ? null : (double*)TensorMemory.Address(kept);
        sbyte* pc = (sbyte*)TensorMemory.Address(codes), pz = (sbyte*)TensorMemory.Address(zeroPoints);
        var ps = (float*)TensorMemory.Address(scales);
        QuantizationGrid? shared = format.IsPerTensor ? QuantizationGrid.Of(QuantizedMatrix.Extremes(values), format) : null;
        int shift = format.IsSymmetric ? 0 : 8, tiles = (int)((outputs + TileRows - 1) / TileRows);
        ParallelLoop.For(tiles, tile =>
        {
            long first = (long)tile * TileRows;
            int rows = (int)Math.Min(TileRows, outputs - first), width = (int)inputs;
            var w = new double[rows * width];   // in the order of the inputs that is gone through
            var grids = new QuantizationGrid[rows * groups];
            for (int r = 0; r < rows; r++)
            {
                float* row = pw + (first + r) * inputs;
                for (int i = 0; i < width; i++) w[r * width + i] = row[order[i]];
                for (int g = 0; options.OrdersBySize && g < groups; g++) grids[r * groups + g] = shared ?? QuantizationGrid.Of(new ReadOnlySpan<float>(row + g * group, group), format);
            }
            var part = new float[group];
            for (int i = 0; i < width; i++)
            {
                long input = order[i], g = input / group;
                var u = new ReadOnlySpan<double>(pu + i * inputs + i, width - i);
                for (int r = 0; r < rows; r++)
                {
                    Span<double> rest = w.AsSpan(r * width + i, width - i);
                    if (!options.OrdersBySize && i % group == 0)
                    {
                        for (int k = 0; k < group; k++) part[k] = (float)rest[k];
                        grids[r * groups + g] = shared ?? QuantizationGrid.Of(part, format);
                    }
                    QuantizationGrid grid = grids[r * groups + g];
                    int code = grid.Code((float)rest[0]);
                    pc[(first + r) * inputs + input] = (sbyte)(code - shift);
                    TensorPrimitives.MultiplyAdd(u, -(rest[0] - grid.Value(code)) / u[0], rest, rest);
                    if (pk != null) TensorPrimitives.Multiply(rest, new ReadOnlySpan<double>(pk + (first + r) * inputs + i, width - i), rest);
                }
            }
            for (int r = 0; r < rows; r++)
            {
                for (long g = 0; g < groups; g++) (ps[(first + r) * groups + g], pz[(first + r) * groups + g]) = (grids[r * groups + g].Scale, (sbyte)(grids[r * groups + g].Zero - shift));
            }
        });
        return QuantizedMatrix.Of(codes, scales, format.IsSymmetric ? null : zeroPoints, format);
    }

    /// <summary>U with UᵀU the inverse of the damped moments, upper triangular: row i says how the inputs from i on take up an error of input i.</summary>
    private static Tensor Factor(string name, Tensor moments, Tensor unseen, double damping, Tensor order)
    {
        moments = moments + diag(unseen.to(ScalarType.Float64));
        moments = moments + eye(moments.size(0), dtype: ScalarType.Float64) * (damping * moments.diagonal().mean());
        moments = moments.index_select(0, order).index_select(1, order);
        try
        {
            Tensor factor = linalg.cholesky(linalg.inv(moments)).t().contiguous();
            if (factor.isfinite().all().item<bool>()) return factor;
            throw Singular(null);
        }
        catch (ExternalException e)
        {
            throw Singular(e);
        }

        ArgumentException Singular(Exception? inner) =>
            new(FormattableString.Invariant($"{nameof(GptqOptions.Damping)} ({damping}) is too small for the inputs of the linear map '{name}', whose second moments cannot be inverted; raise it, or give more data."), inner);
    }
}

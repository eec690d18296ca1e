// N rows (at most MostRows), I inputs, O outputs
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// x·Wᵀ + b for a few rows, as generation with a cache needs it token for token: each weight is read from memory once, which is all the time it takes. Libraries that
/// are made for large products take several times that.
/// </summary>
internal static unsafe class FewRowsProduct
{
    /// <summary>More rows are better multiplied as a matrix.</summary>
    internal const int MostRows = 4;

    private const int Width = 16;      // elements of a vector
    private const int Together = 4;    // outputs whose weights are read side by side

    /// <summary>
    /// Whether the product of these is computed here: in the kernels' types, and in inference mode. Without gradients alone is not enough, since what recomputation
    /// runs so is to be what it runs again with them, to the last bit.
    /// </summary>
    internal static bool Fits(Tensor x, Tensor weight, Tensor? bias) =>
        is_inference_mode_enabled() && x.ndim == 2 && x.size(0) is > 0 and <= MostRows && weight.ndim == 2 && x.size(1) == weight.size(1) && weight.size(1) % Width == 0
        && TensorMemory.HasKernelsFor(x) && TensorMemory.HasKernelsFor(weight) && x.dtype == weight.dtype && weight.is_contiguous() && (bias is null || (bias.dtype == x.dtype && bias.is_contiguous()));

    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="weight">(O, I).</param>
    /// <param name="bias">(O), or null.</param>
    /// <returns>(N, O).</returns>
    internal static Tensor Apply(Tensor x, Tensor weight, Tensor? bias)
    {
        Tensor y = empty([x.size(0), weight.size(0)], dtype: x.dtype);
        using Tensor rows = x.to(ScalarType.Float32).contiguous();
        if (x.dtype == ScalarType.BFloat16) Multiply<BFloat16Element>(rows, weight, bias, y);
        else Multiply<Float32Element>(rows, weight, bias, y);
        return y;
    }

    private static void Multiply<E>(Tensor x, Tensor weight, Tensor? bias, Tensor y) where E : struct, IElement
    {
        long outputs = weight.size(0), inputs = weight.size(1), rows = x.size(0);
        var px = (float*)TensorMemory.Address(x);
        byte* pw = TensorMemory.Address(weight), pb = bias is null ? null : TensorMemory.Address(bias), py = TensorMemory.Address(y);
        int chunks = ParallelLoop.Chunks(outputs, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(outputs, chunks, chunk);
            long bytes = inputs * E.Size;
            long o = from;
            float* sums = stackalloc float[Together];
            for (; o + Together <= to; o += Together)
            {
                byte* w = pw + o * bytes;
                for (long r = 0; r < rows; r++)
                {
                    float* xr = px + r * inputs;
                    Vector512<float> s0 = Vector512<float>.Zero, s1 = s0, s2 = s0, s3 = s0;
                    for (long i = 0; i < inputs; i += Width)
                    {
                        Vector512<float> v = Vector512.Load(xr + i);
                        byte* at = w + i * E.Size;
                        s0 = Vector512.FusedMultiplyAdd(E.Load(at), v, s0);
                        s1 = Vector512.FusedMultiplyAdd(E.Load(at + bytes), v, s1);
                        s2 = Vector512.FusedMultiplyAdd(E.Load(at + 2 * bytes), v, s2);
                        s3 = Vector512.FusedMultiplyAdd(E.Load(at + 3 * bytes), v, s3);
                    }
                    (sums[0], sums[1], sums[2], sums[3]) = (Vector512.Sum(s0), Vector512.Sum(s1), Vector512.Sum(s2), Vector512.Sum(s3));
                    byte* target = py + (r * outputs + o) * E.Size;
                    for (int k = 0; k < Together; k++) E.StoreOne(target + k * E.Size, sums[k] + (pb == null ? 0 : E.LoadOne(pb + (o + k) * E.Size)));
                }
            }
            for (; o < to; o++)
            {
                byte* w = pw + o * bytes;
                for (long r = 0; r < rows; r++)
                {
                    float* xr = px + r * inputs;
                    Vector512<float> s = Vector512<float>.Zero;
                    for (long i = 0; i < inputs; i += Width) s = Vector512.FusedMultiplyAdd(E.Load(w + i * E.Size), Vector512.Load(xr + i), s);
                    E.StoreOne(py + (r * outputs + o) * E.Size, Vector512.Sum(s) + (pb == null ? 0 : E.LoadOne(pb + o * E.Size)));
                }
            }
        });
    }
}

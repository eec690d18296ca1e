// N rows, I inputs
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// The rows of an activation in bytes, each with a scale and a zero point from its least and its largest value, with a scale from the largest of both and 0 in the middle, or with those that are given. What a row becomes does not depend on the rows beside it. Behind a
/// row's last value, zeros fill up four bytes.
/// </summary>
internal sealed unsafe class QuantizedRows : IDisposable
{
    private readonly Tensor _codes, _scales, _zeros;

    /// <summary>Quantizes.</summary>
    /// <param name="x">(N, I), float32, side by side.</param>
    /// <param name="grid">The scale and zero point of all rows, beyond whose values they are clipped; null for those of each row.</param>
    /// <param name="vectors">Whether vectors may be used, with which the results are the same.</param>
    /// <param name="isSymmetric">Whether the scale of a row reaches as far down as up.</param>
    internal QuantizedRows(Tensor x, ActivationGrid? grid = null, bool vectors = true, bool isSymmetric = false)
    {
        (Count, long inputs) = (x.size(0), x.size(1));
        Stride = (inputs + 3) / 4 * 4;
        using DisposeScope scope = NewDisposeScope();
        _codes = scope.Detach(empty([Count, Stride], dtype: ScalarType.Byte));
        _scales = scope.Detach(empty([Count], dtype: ScalarType.Float32));
        _zeros = scope.Detach(empty([Count], dtype: ScalarType.Int32));
        var px = (float*)TensorMemory.Address(x);
        byte* codes = Codes;
        float* scales = Scales;
        int* zeros = Zeros;
        long stride = Stride;
        vectors &= Lanes.AreSupported;
        (float givenScale, int givenZero) = grid is null ? (0, 0) : (grid.Scale, grid.Zero);
        int chunks = ParallelLoop.Chunks(Count, 16);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(x.size(0), chunks, chunk);
            for (long r = from; r < to; r++)
            {
                (scales[r], zeros[r]) = givenScale > 0
                    ? Clip(px + r * inputs, inputs, codes + r * stride, stride, givenScale, givenZero, vectors)
                    : Quantize(px + r * inputs, inputs, codes + r * stride, stride, vectors, isSymmetric);
            }
        });
    }

    /// <summary>N.</summary>
    internal long Count { get; }

    /// <summary>I, filled up to whole fours.</summary>
    internal long Stride { get; }

    internal byte* Codes => TensorMemory.Address(_codes);

    internal float* Scales => (float*)TensorMemory.Address(_scales);

    internal int* Zeros => (int*)TensorMemory.Address(_zeros);

    public void Dispose()
    {
        _codes.Dispose();
        _scales.Dispose();
        _zeros.Dispose();
    }

    /// <summary>The values that the codes stand for, (N, I), float32.</summary>
    internal Tensor Dequantize(long inputs)
    {
        Tensor values = empty([Count, inputs], dtype: ScalarType.Float32);
        if (values.numel() == 0) return values;
        var y = (float*)TensorMemory.Address(values);
        for (long r = 0; r < Count; r++)
        {
            for (long i = 0; i < inputs; i++) y[r * inputs + i] = (Codes[r * Stride + i] - Zeros[r]) * Scales[r];
        }
        return values;
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static (float Scale, int Zero) Quantize(float* x, long inputs, byte* codes, long stride, bool vectors, bool isSymmetric)
    {
        float least = 0, largest = 0;
        long i = 0;
        if (vectors)
        {
            Vector512<float> low = default, high = default;
            for (; i + 16 <= inputs; i += 16)
            {
                Vector512<float> v = Vector512.Load(x + i);
                (low, high) = (Vector512.Min(low, v), Vector512.Max(high, v));
            }
            for (int k = 0; k < 16; k++) (least, largest) = (Math.Min(least, low[k]), Math.Max(largest, high[k]));
        }
        for (; i < inputs; i++) (least, largest) = (Math.Min(least, x[i]), Math.Max(largest, x[i]));

        if (isSymmetric) (least, largest) = (Math.Min(least, -largest), Math.Max(largest, -least));
        float scale = (largest - least) / 255;
        if (!float.IsFinite(scale)) scale = largest / 255 - least / 255;   // the difference alone can be too large
        // A row that is not finite has no codes; its scale makes its results not finite, as they would be without quantization.
        if (!float.IsFinite(scale) || scale == 0)
        {
            new Span<byte>(codes, (int)stride).Clear();
            return (float.IsFinite(scale) ? 0 : float.NaN, 0);
        }
        float inverse = 1 / scale;
        if (!float.IsFinite(inverse)) (scale, inverse) = (1 / float.MaxValue, float.MaxValue);   // wider steps than the row needs
        int zero = isSymmetric ? 128 : (int)Math.Clamp(MathF.Round(-least * inverse), 0, 255);
        i = 0;
        if (vectors)
        {
            Vector512<float> factor = Vector512.Create(inverse);
            Vector512<int> shift = Vector512.Create(zero);
            for (; i + 16 <= inputs; i += 16)
            {
                Vector512<int> code = Lanes.Round(Vector512.Load(x + i) * factor) + shift;
                Lanes.Saturate(Vector512.Max(code, Vector512<int>.Zero)).Store(codes + i);
            }
        }
        for (; i < inputs; i++) codes[i] = (byte)Math.Clamp(MathF.Round(x[i] * inverse) + zero, 0, 255);
        for (; i < stride; i++) codes[i] = 0;
        return (scale, zero);
    }

    /// <summary>The same on a given grid.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static (float Scale, int Zero) Clip(float* x, long inputs, byte* codes, long stride, float scale, int zero, bool vectors)
    {
        float inverse = 1 / scale, least = -zero, largest = 255 - zero, off = 0;   // off is 0 as long as all is finite
        long i = 0;
        if (vectors)
        {
            Vector512<float> factor = Vector512.Create(inverse), low = Vector512.Create(least), high = Vector512.Create(largest), offs = default;
            Vector512<int> shift = Vector512.Create(zero);
            for (; i + 16 <= inputs; i += 16)
            {
                Vector512<float> v = Vector512.Load(x + i);
                offs += v - v;
                Vector512<int> code = Lanes.Round(Vector512.Min(Vector512.Max(v * factor, low), high)) + shift;
                Lanes.Saturate(code).Store(codes + i);
            }
            off = Vector512.Sum(offs);
        }
        for (; i < inputs; i++)
        {
            off += x[i] - x[i];
            codes[i] = float.IsFinite(x[i]) ? (byte)(MathF.Round(Math.Clamp(x[i] * inverse, least, largest)) + zero) : (byte)0;
        }
        for (; i < stride; i++) codes[i] = 0;
        if (off == 0) return (scale, zero);
        new Span<byte>(codes, (int)stride).Clear();
        return (float.NaN, 0);
    }
}

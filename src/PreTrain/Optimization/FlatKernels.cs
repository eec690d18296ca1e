using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>One-pass loops over flat buffers on the CPU. All lengths and ranges are multiples of 16 elements.</summary>
internal static unsafe class FlatKernels
{
    private const int Lanes = 16, GrainElements = 1 << 14, BlockElements = 1 << 12;

    /// <summary>The sum of squares; the same on any number of threads.</summary>
    internal static double SumOfSquares(Tensor flat) =>
        flat.dtype == ScalarType.BFloat16 ? SumOfSquares<BFloat16Element>(flat) : SumOfSquares<Float32Element>(flat);

    /// <summary>sum += part; part = 0.</summary>
    internal static void MoveInto(Tensor sum, Tensor part)
    {
        byte* to = TensorMemory.Address(sum), from = TensorMemory.Address(part);
        Run(sum.numel(), (first, last) =>
        {
            for (long i = first; i < last; i += Lanes)
            {
                Float32Element.Store(to + i * Float32Element.Size, Float32Element.Load(to + i * Float32Element.Size) + BFloat16Element.Load(from + i * BFloat16Element.Size));
                BFloat16Element.Store(from + i * BFloat16Element.Size, Vector512<float>.Zero);
            }
        });
        GC.KeepAlive(sum);
        GC.KeepAlive(part);
    }

    /// <summary>AdamW's update of elements <paramref name="start"/> to <paramref name="end"/>; the gradient is set to zero on the way.</summary>
    internal static void AdamW(Tensor gradient, Tensor first, Tensor second, Tensor master, Tensor compute, long start, long end, AdamWStep step)
    {
        if (gradient.dtype == ScalarType.BFloat16) AdamW<BFloat16Element>(gradient, first, second, master, compute, start, end, step);
        else AdamW<Float32Element>(gradient, first, second, master, compute, start, end, step);
    }

    private static double SumOfSquares<G>(Tensor flat) where G : struct, IElement
    {
        byte* p = TensorMemory.Address(flat);
        long blocks = flat.numel() / Lanes;
        int chunks = ParallelLoop.Chunks(blocks, GrainElements / Lanes);
        var sums = new double[chunks];
        ParallelLoop.For(chunks, chunk =>
        {
            var (from, to) = ParallelLoop.Range(blocks, chunks, chunk);
            double sum = 0;
            // 32-bit lanes add up a few hundred squares at most before they are moved to 64 bits.
            for (long block = from * Lanes; block < to * Lanes; block += BlockElements)
            {
                long end = Math.Min(block + BlockElements, to * Lanes);
                Vector512<float> squares = Vector512<float>.Zero;
                for (long i = block; i < end; i += Lanes)
                {
                    Vector512<float> g = G.Load(p + i * G.Size);
                    squares = Vector512.FusedMultiplyAdd(g, g, squares);
                }
                var (low, high) = Vector512.Widen(squares);
                sum += Vector512.Sum(low + high);
            }
            sums[chunk] = sum;
        });
        GC.KeepAlive(flat);
        return sums.Sum();
    }

    private static void AdamW<G>(Tensor gradient, Tensor first, Tensor second, Tensor master, Tensor compute, long start, long end, AdamWStep step) where G : struct, IElement
    {
        byte* pg = TensorMemory.Address(gradient) + start * G.Size;
        float* pm = (float*)TensorMemory.Address(first) + start, pv = (float*)TensorMemory.Address(second) + start, pw = (float*)TensorMemory.Address(master) + start;
        ushort* copy = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) + start : null;
        Run(end - start, (from, to) =>
        {
            Vector512<float> scale = Vector512.Create((float)step.GradientScale), keep = Vector512.Create((float)step.Keep), rate = Vector512.Create((float)step.Rate);
            Vector512<float> one = Vector512.Create((float)(1 - step.Beta1)), two = Vector512.Create((float)step.Beta2), rest = Vector512.Create((float)(1 - step.Beta2));
            Vector512<float> root = Vector512.Create((float)step.InverseRoot), epsilon = Vector512.Create((float)step.Epsilon);
            for (long i = from; i < to; i += Lanes)
            {
                Vector512<float> g = G.Load(pg + i * G.Size) * scale;
                Vector512<float> m = Vector512.Load(pm + i), v = Vector512.Load(pv + i);
                m = Vector512.FusedMultiplyAdd(g - m, one, m);
                v = Vector512.FusedMultiplyAdd(g * rest, g, v * two);
                Vector512<float> update = m / Vector512.FusedMultiplyAdd(Vector512.Sqrt(v), root, epsilon);
                Vector512<float> w = Vector512.Load(pw + i) * keep - rate * update;
                m.Store(pm + i);
                v.Store(pv + i);
                w.Store(pw + i);
                if (copy != null) BFloat16Element.Store((byte*)(copy + i), w);
                G.Store(pg + i * G.Size, Vector512<float>.Zero);
            }
        });
        GC.KeepAlive(gradient);
        GC.KeepAlive(first);
        GC.KeepAlive(second);
        GC.KeepAlive(master);
        GC.KeepAlive(compute);
    }

    private static void Run(long elements, Action<long, long> body)
    {
        long blocks = elements / Lanes;
        int chunks = ParallelLoop.Chunks(blocks, GrainElements / Lanes);
        ParallelLoop.For(chunks, chunk =>
        {
            var (from, to) = ParallelLoop.Range(blocks, chunks, chunk);
            body(from * Lanes, to * Lanes);
        });
    }
}

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

    /// <summary>A rule's update of elements <paramref name="start"/> to <paramref name="end"/>; <paramref name="state"/> begins at the first of them. The gradient is set to zero on the way.</summary>
    internal static void Update<R>(Tensor gradient, Tensor master, Tensor compute, Tensor?[] state, long start, long end, GradientShape shape, R rule) where R : struct, IUpdateRule
    {
        if (gradient.dtype == ScalarType.BFloat16) Update<BFloat16Element, R>(gradient, master, compute, state, start, end, shape, rule);
        else Update<Float32Element, R>(gradient, master, compute, state, start, end, shape, rule);
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

    private static void Update<G, R>(Tensor gradient, Tensor master, Tensor compute, Tensor?[] state, long start, long end, GradientShape shape, R rule) where G : struct, IElement where R : struct, IUpdateRule
    {
        byte* pg = TensorMemory.Address(gradient) + start * G.Size;
        float* pw = (float*)TensorMemory.Address(master) + start, pa = Address(0), pb = Address(1), pc = Address(2);
        ushort* copy = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) + start : null;
        bool plain = shape.IsPlain;
        Run(end - start, (from, to) =>
        {
            R local = rule;
            Vector512<float> scale = Vector512.Create((float)shape.Scale), a = default, b = default, c = default;
            for (long i = from; i < to; i += Lanes)
            {
                Vector512<float> w = Vector512.Load(pw + i), g = G.Load(pg + i * G.Size) * scale;
                if (!plain) g = Shaped(g, w, shape);
                if (pa != null) a = Vector512.Load(pa + i);
                if (pb != null) b = Vector512.Load(pb + i);
                if (pc != null) c = Vector512.Load(pc + i);
                w = local.Apply(w, g, ref a, ref b, ref c);
                if (pa != null) a.Store(pa + i);
                if (pb != null) b.Store(pb + i);
                if (pc != null) c.Store(pc + i);
                w.Store(pw + i);
                if (copy != null) BFloat16Element.Store((byte*)(copy + i), w);
                G.Store(pg + i * G.Size, Vector512<float>.Zero);
            }
        });
        GC.KeepAlive(gradient);
        GC.KeepAlive(master);
        GC.KeepAlive(compute);
        GC.KeepAlive(state);

        float* Address(int kind) => kind < state.Length && state[kind] is { } t ? (float*)TensorMemory.Address(t) : null;
    }

    /// <summary>A scaled gradient with limit and penalties.</summary>
    internal static Vector512<float> Shaped(Vector512<float> g, Vector512<float> w, GradientShape shape)
    {
        Vector512<float> limit = Vector512.Create((float)shape.Limit);
        g = Vector512.FusedMultiplyAdd(w, Vector512.Create((float)shape.L2), Vector512.Min(Vector512.Max(g, -limit), limit));
        return Vector512.FusedMultiplyAdd(Sign(w), Vector512.Create((float)shape.L1), g);
    }

    /// <summary>−1, 0 or 1.</summary>
    internal static Vector512<float> Sign(Vector512<float> v) =>
        (Vector512.GreaterThan(v, Vector512<float>.Zero) & Vector512<float>.One) - (Vector512.LessThan(v, Vector512<float>.Zero) & Vector512<float>.One);

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

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>One pass over a matrix whose moments are in 8 bits: read, update in 32 bits, find the new scale of each block, write.</summary>
internal static unsafe class EightBitKernels
{
    private const int Lanes = 16, Block = DynamicCode.BlockSize;

    internal static void Update(Tensor gradient, Tensor master, Tensor compute, Tensor first, Tensor firstScale, Tensor second, Tensor secondScale, ParameterRange range, GradientShape shape, AdamRule rule)
    {
        if (gradient.dtype == ScalarType.BFloat16) Update<BFloat16Element>(gradient, master, compute, first, firstScale, second, secondScale, range, shape, rule);
        else Update<Float32Element>(gradient, master, compute, first, firstScale, second, secondScale, range, shape, rule);
    }

    private static void Update<G>(Tensor gradient, Tensor master, Tensor compute, Tensor first, Tensor firstScale, Tensor second, Tensor secondScale, ParameterRange range, GradientShape shape, AdamRule rule)
        where G : struct, IElement
    {
        byte* gradients = TensorMemory.Address(gradient) + range.Start * G.Size, codesM = TensorMemory.Address(first), codesV = TensorMemory.Address(second);
        float* weights = (float*)TensorMemory.Address(master) + range.Start, scalesM = (float*)TensorMemory.Address(firstScale), scalesV = (float*)TensorMemory.Address(secondScale);
        ushort* copies = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) + range.Start : null;
        long length = range.End - range.Start, blocks = firstScale.numel();
        int chunks = ParallelLoop.Chunks(blocks, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(blocks, chunks, chunk);
            float* m = stackalloc float[Block], v = stackalloc float[Block];
            for (long block = from; block < to; block++)
            {
                long begin = block * Block;
                int count = (int)Math.Min(Block, length - begin);
                DynamicCode.Signed.Load(codesM + begin, m, count, scalesM[block]);
                DynamicCode.Unsigned.Load(codesV + begin, v, count, scalesV[block]);
                var (mostM, mostV) = Update<G>(gradients + begin * G.Size, weights + begin, copies == null ? null : copies + begin, m, v, count, shape, rule);
                (scalesM[block], scalesV[block]) = (mostM, mostV);
                DynamicCode.Signed.Store(m, codesM + begin, count, mostM > 0 ? 1 / mostM : 0);
                DynamicCode.Unsigned.Store(v, codesV + begin, count, mostV > 0 ? 1 / mostV : 0);
            }
        });
        GC.KeepAlive((gradient, master, compute, first, firstScale, second, secondScale));
    }

    /// <summary>A block with its moments in 32 bits. Returns the largest magnitudes of these.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static (float First, float Second) Update<G>(byte* gradients, float* weights, ushort* copies, float* m, float* v, int count, GradientShape shape, AdamRule rule) where G : struct, IElement
    {
        bool plain = shape.IsPlain;
        Vector512<float> none = default, scale = Vector512.Create((float)shape.Scale), mostM = default, mostV = default;
        for (int i = 0; i < count; i += Lanes)
        {
            Vector512<float> w = Vector512.Load(weights + i), g = G.Load(gradients + i * G.Size) * scale, a = Vector512.Load(m + i), b = Vector512.Load(v + i);
            if (!plain) g = FlatKernels.Shaped(g, w, shape);
            w = rule.Apply(w, g, ref a, ref b, ref none);
            w.Store(weights + i);
            a.Store(m + i);
            b.Store(v + i);
            (mostM, mostV) = (Vector512.MaxNative(mostM, Vector512.Abs(a)), Vector512.MaxNative(mostV, b));
            if (copies != null) BFloat16Element.Store((byte*)(copies + i), w);
            G.Store(gradients + i * G.Size, Vector512<float>.Zero);
        }
        return (Most(mostM), Most(mostV));
    }

    private static float Most(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.MaxNative(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        return Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
    }
}

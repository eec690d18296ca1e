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
        byte* pg = TensorMemory.Address(gradient) + range.Start * G.Size, pm = TensorMemory.Address(first), pv = TensorMemory.Address(second);
        float* pw = (float*)TensorMemory.Address(master) + range.Start, sm = (float*)TensorMemory.Address(firstScale), sv = (float*)TensorMemory.Address(secondScale);
        ushort* copy = compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(compute) + range.Start : null;
        long length = range.End - range.Start, blocks = firstScale.numel();
        int chunks = ParallelLoop.Chunks(blocks, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(blocks, chunks, chunk);
            float* m = stackalloc float[Block], v = stackalloc float[Block];
            DynamicCode signed = DynamicCode.Signed, unsigned = DynamicCode.Unsigned;
            AdamRule local = rule;
            bool plain = shape.IsPlain;
            Vector512<float> none = default, scale = Vector512.Create((float)shape.Scale);
            for (long block = from; block < to; block++)
            {
                long begin = block * Block;
                int count = (int)Math.Min(Block, length - begin);
                Vector512<float> oldM = Vector512.Create(sm[block]), oldV = Vector512.Create(sv[block]), mostM = default, mostV = default;
                for (int j = 0; j < count; j += Lanes)
                {
                    long i = begin + j;
                    Vector512<float> w = Vector512.Load(pw + i), g = G.Load(pg + i * G.Size) * scale, a = signed.Load(pm + i) * oldM, b = unsigned.Load(pv + i) * oldV;
                    if (!plain) g = FlatKernels.Shaped(g, w, shape);
                    w = local.Apply(w, g, ref a, ref b, ref none);
                    w.Store(pw + i);
                    a.Store(m + j);
                    b.Store(v + j);
                    (mostM, mostV) = (Vector512.Max(mostM, Vector512.Abs(a)), Vector512.Max(mostV, b));
                    if (copy != null) BFloat16Element.Store((byte*)(copy + i), w);
                    G.Store(pg + i * G.Size, Vector512<float>.Zero);
                }
                float scaleM = sm[block] = Most(mostM), scaleV = sv[block] = Most(mostV);
                Vector512<float> inverseM = Vector512.Create(scaleM > 0 ? 1 / scaleM : 0), inverseV = Vector512.Create(scaleV > 0 ? 1 / scaleV : 0);
                for (int j = 0; j < count; j += Lanes)
                {
                    signed.Store(pm + begin + j, Vector512.Load(m + j) * inverseM);
                    unsigned.Store(pv + begin + j, Vector512.Load(v + j) * inverseV);
                }
            }
        });
        GC.KeepAlive((gradient, master, compute, first, firstScale, second, secondScale));
    }

    private static float Most(Vector512<float> v)
    {
        float most = 0;
        for (int i = 0; i < Lanes; i++) most = Math.Max(most, v[i]);
        return most;
    }
}

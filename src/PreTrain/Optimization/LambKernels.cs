using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>LAMB's step for one parameter in two passes: the moments and the sizes of weights and update, then the weights. The update is computed twice and kept nowhere.</summary>
internal static unsafe class LambKernels
{
    private const int Lanes = 16, BlockVectors = 1 << 8;
    private const long Grain = 1 << 10;   // vectors

    /// <summary>Updates a range. <paramref name="first"/> and <paramref name="second"/> are its moments, with the gap.</summary>
    internal static void Update(FlatParameters parameters, ParameterRange range, Tensor first, Tensor second, GradientShape shape, LambRule rule, double rate, bool adapts)
    {
        if (parameters.StepGradient.dtype == ScalarType.BFloat16) Update<BFloat16Element>(parameters, range, first, second, shape, rule, rate, adapts);
        else Update<Float32Element>(parameters, range, first, second, shape, rule, rate, adapts);
    }

    private static void Update<G>(FlatParameters parameters, ParameterRange range, Tensor first, Tensor second, GradientShape shape, LambRule rule, double rate, bool adapts) where G : struct, IElement
    {
        byte* g = TensorMemory.Address(parameters.StepGradient) + range.Start * G.Size;
        float* w = (float*)TensorMemory.Address(parameters.Master) + range.Start, m = (float*)TensorMemory.Address(first), v = (float*)TensorMemory.Address(second);
        ushort* copy = parameters.Compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(parameters.Compute) + range.Start : null;
        long vectors = (range.End - range.Start) / Lanes;
        int chunks = ParallelLoop.Chunks(vectors, Grain);
        double[] weights = new double[chunks], updates = new double[chunks];
        ParallelLoop.For(chunks, chunk =>
        {
            var (from, to) = ParallelLoop.Range(vectors, chunks, chunk);
            // 32-bit lanes add up a few hundred squares at most before they are moved to 64 bits.
            for (long block = from; block < to; block += BlockVectors)
            {
                var (weight, update) = Moments<G>(g, w, m, v, block * Lanes, Math.Min(block + BlockVectors, to) * Lanes, shape, rule);
                weights[chunk] += weight;
                updates[chunk] += update;
            }
        });
        double weight = Math.Sqrt(weights.Sum()), update = Math.Sqrt(updates.Sum());
        float factor = (float)(-rate * (adapts && weight > 0 && update > 0 ? weight / update : 1));
        ParallelLoop.For(chunks, chunk =>
        {
            var (from, to) = ParallelLoop.Range(vectors, chunks, chunk);
            Write(w, m, v, copy, from * Lanes, to * Lanes, rule, factor);
        });
        GC.KeepAlive((parameters, first, second));
    }

    /// <summary>Takes the gradient into the moments and sets it to zero; returns the sums of squares of weights and update.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static (float Weights, float Updates) Moments<G>(byte* gradients, float* weights, float* first, float* second, long from, long to, GradientShape shape, LambRule rule) where G : struct, IElement
    {
        bool plain = shape.IsPlain;
        Vector512<float> scale = Vector512.Create((float)shape.Scale), weight = default, update = default, u = default;
        for (long i = from; i < to; i += Lanes)
        {
            Vector512<float> w = Vector512.Load(weights + i), g = G.Load(gradients + i * G.Size) * scale, a = Vector512.Load(first + i), b = Vector512.Load(second + i);
            if (!plain) g = FlatKernels.Shaped(g, w, shape);
            rule.Apply(w, g, ref a, ref b, ref u);
            a.Store(first + i);
            b.Store(second + i);
            G.Store(gradients + i * G.Size, Vector512<float>.Zero);
            weight = Vector512.FusedMultiplyAdd(w, w, weight);
            update = Vector512.FusedMultiplyAdd(u, u, update);
        }
        return (Vector512.Sum(weight), Vector512.Sum(update));
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Write(float* weights, float* first, float* second, ushort* copy, long from, long to, LambRule rule, float factor)
    {
        Vector512<float> factors = Vector512.Create(factor);
        for (long i = from; i < to; i += Lanes)
        {
            Vector512<float> w = Vector512.Load(weights + i);
            w = Vector512.FusedMultiplyAdd(rule.Update(w, Vector512.Load(first + i), Vector512.Load(second + i)), factors, w);
            w.Store(weights + i);
            if (copy != null) BFloat16Element.Store((byte*)(copy + i), w);
        }
    }
}

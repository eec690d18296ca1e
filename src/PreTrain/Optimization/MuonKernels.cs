using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Muon's two passes over memory for a matrix, before and after its direction is made orthogonal. Direction and momentum have the gap behind the matrix, as the flat buffers do.</summary>
internal static unsafe class MuonKernels
{
    private const int Lanes = 16;
    private const long Grain = 1 << 10;   // vectors

    /// <summary>Takes the gradient into the momentum and sets it to zero; <paramref name="direction"/> becomes what is to be made orthogonal.</summary>
    internal static void Direction(FlatParameters parameters, ParameterRange range, Tensor momentum, Tensor direction, GradientShape shape, double share, bool nesterov)
    {
        if (parameters.StepGradient.dtype == ScalarType.BFloat16) Direction<BFloat16Element>(parameters, range, momentum, direction, shape, share, nesterov);
        else Direction<Float32Element>(parameters, range, momentum, direction, shape, share, nesterov);
    }

    /// <summary>Multiplies the weights with <paramref name="keep"/> and subtracts <paramref name="rate"/> times the direction.</summary>
    internal static void Add(FlatParameters parameters, ParameterRange range, Tensor direction, double keep, double rate)
    {
        float* weights = (float*)TensorMemory.Address(parameters.Master) + range.Start, directions = (float*)TensorMemory.Address(direction);
        ushort* copies = parameters.Compute.dtype == ScalarType.BFloat16 ? (ushort*)TensorMemory.Address(parameters.Compute) + range.Start : null;
        float kept = (float)keep, factor = (float)-rate;
        Run(range, [MethodImpl(ParallelLoop.Hot)] (from, to) =>
        {
            float* w = weights, d = directions;
            ushort* copy = copies;
            for (long i = from; i < to; i += Lanes)
            {
                Vector512<float> sum = Vector512.FusedMultiplyAdd(Vector512.Load(d + i), Vector512.Create(factor), Vector512.Load(w + i) * Vector512.Create(kept));
                sum.Store(w + i);
                if (copy != null) BFloat16Element.Store((byte*)(copy + i), sum);
            }
        });
        GC.KeepAlive((parameters, direction));
    }

    private static void Direction<G>(FlatParameters parameters, ParameterRange range, Tensor momentum, Tensor direction, GradientShape shape, double share, bool nesterov) where G : struct, IElement
    {
        byte* gradients = TensorMemory.Address(parameters.StepGradient) + range.Start * G.Size;
        float* weights = (float*)TensorMemory.Address(parameters.Master) + range.Start, momenta = (float*)TensorMemory.Address(momentum), directions = (float*)TensorMemory.Address(direction);
        Run(range, [MethodImpl(ParallelLoop.Hot)] (from, to) =>
        {
            byte* pg = gradients;
            float* w = weights, m = momenta, d = directions;
            bool plain = shape.IsPlain, ahead = nesterov;
            Vector512<float> scale = Vector512.Create((float)shape.Scale), fresh = Vector512.Create((float)(1 - share));
            for (long i = from; i < to; i += Lanes)
            {
                Vector512<float> g = G.Load(pg + i * G.Size) * scale, old = Vector512.Load(m + i);
                if (!plain) g = FlatKernels.Shaped(g, Vector512.Load(w + i), shape);
                Vector512<float> mean = Vector512.FusedMultiplyAdd(g - old, fresh, old);
                mean.Store(m + i);
                (ahead ? Vector512.FusedMultiplyAdd(g - mean, fresh, mean) : mean).Store(d + i);
                G.Store(pg + i * G.Size, Vector512<float>.Zero);
            }
        });
        GC.KeepAlive((parameters, momentum, direction));
    }

    private static void Run(ParameterRange range, Action<long, long> body)
    {
        long vectors = (range.End - range.Start) / Lanes;
        int chunks = ParallelLoop.Chunks(vectors, Grain);
        ParallelLoop.For(chunks, chunk =>
        {
            var (from, to) = ParallelLoop.Range(vectors, chunks, chunk);
            body(from * Lanes, to * Lanes);
        });
    }
}

// N rows (tokens), C columns (features)
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// f(gate)·up, the middle of a gated feed-forward layer (Shazeer 2020, "GLU Variants Improve Transformer", equations 5 and 6: SwiGLU and GeGLU), in one pass over
/// memory, and its gradients in another. For other functions and devices the same in torch's own operators.
/// </summary>
public static class GatedActivation
{
    /// <summary>Multiplies.</summary>
    /// <param name="activation">f.</param>
    /// <param name="gate">(…, C).</param>
    /// <param name="up">(…, C).</param>
    /// <returns>(…, C).</returns>
    /// <exception cref="ArgumentException">The shapes differ.</exception>
    public static Tensor Apply(Activation activation, Tensor gate, Tensor up)
    {
        if (!gate.shape.SequenceEqual(up.shape))
            throw new ArgumentException($"gate ({string.Join(", ", gate.shape)}) and up ({string.Join(", ", up.shape)}) must have one shape.", nameof(up));
        return HasKernel(activation, gate, gate.size(-1)) && gate.dtype == up.dtype && gate.is_contiguous() && up.is_contiguous()
            ? Kernel.apply(activation, gate, up)
            : Activations.Apply(activation, gate) * up;
    }

    /// <summary>Multiplies the halves of one product's result.</summary>
    /// <param name="activation">f.</param>
    /// <param name="both">(…, 2C), the gates first.</param>
    /// <returns>(…, C).</returns>
    /// <exception cref="ArgumentException">The last axis is odd.</exception>
    public static Tensor ApplyHalves(Activation activation, Tensor both)
    {
        if (both.ndim == 0 || both.size(-1) % 2 != 0) throw new ArgumentException($"The last axis of both ({string.Join(", ", both.shape)}) must be even.", nameof(both));
        if (HasKernel(activation, both, both.size(-1) / 2) && both.is_contiguous()) return Kernel.apply(activation, both, null!);
        Tensor[] halves = both.chunk(2, -1);
        return Activations.Apply(activation, halves[0]) * halves[1];
    }

    private static bool HasKernel(Activation activation, Tensor x, long columns) =>
        activation is Activation.Gelu or Activation.GeluTanh or Activation.Silu && TensorMemory.HasKernelsFor(x) && columns % 16 == 0 && x.numel() > 0;

    private sealed unsafe class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(GatedActivation);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (activation, gate, up) = ((Activation)vars[0], (Tensor)vars[1], vars[2] as Tensor);
            Tensor y = up is null ? empty([.. gate.shape[..^1], gate.size(-1) / 2], dtype: gate.dtype) : empty_like(gate);
            Choose(activation, gate, up, new Forward(), y, null, null);
            ctx.save_for_backward(up is null ? [gate] : [gate, up]);
            ctx.save_data("activation", activation);
            return y;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            Tensor gate = saved[0], dy = grad_output.contiguous(), dgate = empty_like(gate);
            Tensor? up = saved.Count > 1 ? saved[1] : null, dup = up is null ? null : empty_like(up);
            Choose((Activation)ctx.get_data("activation"), gate, up, new Backward(), dy, dgate, dup);
            return [null!, dgate, dup!];
        }

        private static void Choose<P>(Activation activation, Tensor gate, Tensor? up, P pass, Tensor y, Tensor? dgate, Tensor? dup) where P : struct, IPass
        {
            if (gate.dtype == ScalarType.BFloat16) Choose<BFloat16Element, P>(activation, gate, up, pass, y, dgate, dup);
            else Choose<Float32Element, P>(activation, gate, up, pass, y, dgate, dup);
        }

        private static void Choose<E, P>(Activation activation, Tensor gate, Tensor? up, P pass, Tensor y, Tensor? dgate, Tensor? dup) where E : struct, IElement where P : struct, IPass
        {
            if (activation == Activation.Silu) Run<E, SiluFunction, P>(gate, up, pass, y, dgate, dup);
            else if (activation == Activation.Gelu) Run<E, GeluFunction, P>(gate, up, pass, y, dgate, dup);
            else Run<E, GeluTanhFunction, P>(gate, up, pass, y, dgate, dup);
        }

        /// <summary>Runs a pass over all rows. Without <paramref name="up"/>, each row of <paramref name="gate"/> holds both halves.</summary>
        private static void Run<E, F, P>(Tensor gate, Tensor? up, P pass, Tensor y, Tensor? dgate, Tensor? dup)
            where E : struct, IElement where F : struct, IPointwise where P : struct, IPass
        {
            long width = y.size(-1) * E.Size, rows = y.numel() / y.size(-1), stride = up is null ? 2 * width : width;
            byte* pg = TensorMemory.Address(gate), pu = up is null ? pg + width : TensorMemory.Address(up), py = TensorMemory.Address(y);
            byte* pdg = dgate is null ? null : TensorMemory.Address(dgate), pdu = dgate is null ? null : dup is null ? pdg + width : TensorMemory.Address(dup);
            int chunks = ParallelLoop.Chunks(rows, 64);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                long bytes = width;
                for (long r = from; r < to; r++)
                {
                    byte* g = pg + r * stride, u = pu + r * stride, at = py + r * bytes, dg = pdg + r * stride, du = pdu + r * stride;
                    for (long c = 0; c < bytes; c += 16 * E.Size) P.Step<E, F>(g + c, u + c, at + c, dg + c, du + c);
                }
            });
        }

        private interface IPass
        {
            static abstract void Step<E, F>(byte* gate, byte* up, byte* y, byte* dgate, byte* dup) where E : struct, IElement where F : struct, IPointwise;
        }

        private readonly struct Forward : IPass
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public static void Step<E, F>(byte* gate, byte* up, byte* y, byte* dgate, byte* dup) where E : struct, IElement where F : struct, IPointwise =>
                E.Store(y, F.Value(E.Load(gate)) * E.Load(up));
        }

        private readonly struct Backward : IPass
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            public static void Step<E, F>(byte* gate, byte* up, byte* y, byte* dgate, byte* dup) where E : struct, IElement where F : struct, IPointwise
            {
                Vector512<float> g = E.Load(gate), dy = E.Load(y);
                E.Store(dgate, dy * E.Load(up) * F.Derivative(g));
                E.Store(dup, dy * F.Value(g));
            }
        }
    }
}

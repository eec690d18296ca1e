// N rows (positions), V vocabulary
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Softmax cross entropy over the positions that have a target, in one pass: where a gradient is wanted it is computed together with
/// the loss and written over the logits, which nobody reads again. On other devices the same in torch's own operators.
/// </summary>
public static class CrossEntropy
{
    /// <summary>The target of a position that does not count, as in PyTorch and Hugging Face.</summary>
    public const long Ignored = -100;

    /// <summary>The sum of −log softmax(logits)[target] over the positions that count, divided by <paramref name="normalizer"/>.</summary>
    /// <param name="logits">(N, V). Where a gradient is wanted, a result of other operations may be overwritten; a leaf is not.</param>
    /// <param name="targets">(N) of 64-bit integers: a class, or <see cref="Ignored"/>.</param>
    /// <param name="normalizer">What the sum is divided by: the number of counting positions, of this batch or of all micro-batches of a step.</param>
    /// <returns>A 32-bit scalar; of 64 bits where the logits are.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit, or a target is neither a class nor <see cref="Ignored"/>.</exception>
    public static Tensor Apply(Tensor logits, Tensor targets, double normalizer)
    {
        if (logits.ndim != 2 || targets.ndim != 1 || logits.size(0) != targets.size(0))
            throw new ArgumentException($"logits ({string.Join(", ", logits.shape)}) must be (N, V) and targets ({string.Join(", ", targets.shape)}) (N).", nameof(targets));
        if (targets.dtype != ScalarType.Int64) throw new ArgumentException($"targets must be 64-bit integers, not {targets.dtype}.", nameof(targets));
        if (!(normalizer > 0)) throw new ArgumentOutOfRangeException(nameof(normalizer), normalizer, "The normalizer must be positive.");
        bool wanted = logits.requires_grad && is_grad_enabled();
        if (TensorMemory.HasKernelsFor(logits) && targets.device_type == DeviceType.CPU && logits.is_contiguous() && targets.is_contiguous()
            && !(wanted && logits.is_leaf))
            return Kernel.apply(logits, targets, normalizer, wanted);
        if (targets.device_type == DeviceType.CPU) CheckTargets(targets, logits.size(1));
        return nn.functional.cross_entropy(Precise(logits), targets, ignore_index: Ignored, reduction: nn.Reduction.Sum) / normalizer;
    }

    /// <summary>The same loss, and its gradient by the logits, which may be written over them. Nothing is recorded for autograd.</summary>
    internal static (Tensor Loss, Tensor Gradient) WithGradient(Tensor logits, Tensor targets, double normalizer)
    {
        using IDisposable mode = no_grad();
        if (TensorMemory.HasKernelsFor(logits) && targets.device_type == DeviceType.CPU && logits.is_contiguous() && targets.is_contiguous())
            return (tensor((float)Kernel.Loss(logits, targets, normalizer, wanted: true)), logits);
        if (targets.device_type == DeviceType.CPU) CheckTargets(targets, logits.size(1));
        using DisposeScope scope = NewDisposeScope();
        Tensor counts = targets.ne(Ignored), logarithms = nn.functional.log_softmax(Precise(logits), 1);   // (N), (N, V)
        Tensor places = targets.clamp_min(0).unsqueeze(1), weights = counts.to(logarithms.dtype).unsqueeze(1) / normalizer;   // (N, 1)
        Tensor loss = -(logarithms.gather(1, places) * weights).sum();
        Tensor gradient = (logarithms.exp().scatter_add(1, places, full_like(weights, -1)) * weights).to(logits.dtype);
        scope.MoveToOuter(loss, gradient);
        return (loss, gradient);
    }

    private static Tensor Precise(Tensor logits) => logits.dtype == ScalarType.Float64 ? logits : logits.to(ScalarType.Float32);

    private static unsafe void CheckTargets(Tensor targets, long classes)
    {
        using Tensor whole = targets.contiguous();
        var p = (long*)TensorMemory.Address(whole);
        for (long i = 0; i < whole.numel(); i++)
            if (p[i] != Ignored && (ulong)p[i] >= (ulong)classes) throw Wrong(i, p[i], classes);
    }

    private static ArgumentException Wrong(long position, long target, long classes) =>
        new($"The target at position {position} is {target}; it must be a class from 0 to {classes - 1}, or {Ignored} for none.", "targets");

    private sealed unsafe class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(CrossEntropy);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (logits, targets, normalizer, wanted) = ((Tensor)vars[0], (Tensor)vars[1], (double)vars[2], (bool)vars[3]);
            double loss = Loss(logits, targets, normalizer, wanted);
            if (wanted) ctx.save_for_backward([logits]);
            return tensor((float)loss);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            Tensor grad = ctx.get_saved_variables()[0].detach();
            float factor = grad_output.item<float>();
            return [factor == 1 ? grad : grad.mul(factor), null!, null!, null!];
        }

        internal static double Loss(Tensor logits, Tensor targets, double normalizer, bool wanted) => logits.dtype == ScalarType.BFloat16
            ? Forward<BFloat16Element>(logits, targets, normalizer, wanted)
            : Forward<Float32Element>(logits, targets, normalizer, wanted);

        private static double Forward<E>(Tensor logits, Tensor targets, double normalizer, bool wanted) where E : struct, IElement
        {
            long rows = logits.size(0), columns = logits.size(1);
            byte* p = TensorMemory.Address(logits);
            var target = (long*)TensorMemory.Address(targets);
            int chunks = ParallelLoop.Chunks(rows, 16);
            var losses = new double[chunks];
            long wrong = -1;
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
                double loss = 0;
                for (long r = first; r < last; r++)
                {
                    byte* row = p + r * columns * E.Size;
                    if (target[r] == Ignored)
                    {
                        if (wanted) Clear(row, columns * E.Size);
                    }
                    else if (target[r] < 0 || target[r] >= columns)
                    {
                        Interlocked.CompareExchange(ref wrong, r, -1);
                    }
                    else
                    {
                        loss += Row<E>(row, columns, target[r], (float)(1 / normalizer), wanted);
                    }
                }
                losses[chunk] = loss;
            });
            if (wrong >= 0) throw Wrong(wrong, target[wrong], columns);
            return losses.Sum() / normalizer;
        }

        [MethodImpl(ParallelLoop.Hot)]
        private static double Row<E>(byte* row, long columns, long target, float weight, bool wanted) where E : struct, IElement
        {
            long whole = columns & ~15L;
            Vector512<float> top = Vector512.Create(float.NegativeInfinity);
            for (long j = 0; j < whole; j += 16) top = Vector512.MaxNative(top, E.Load(row + j * E.Size));
            float max = VectorMath.Max(top);
            for (long j = whole; j < columns; j++) max = MathF.Max(max, E.LoadOne(row + j * E.Size));

            Vector512<float> shift = Vector512.Create(max), total = Vector512<float>.Zero;
            for (long j = 0; j < whole; j += 16) total += VectorMath.Exp(E.Load(row + j * E.Size) - shift);
            float sum = Vector512.Sum(total);
            for (long j = whole; j < columns; j++) sum += MathF.Exp(E.LoadOne(row + j * E.Size) - max);

            double loss = Math.Log(sum) + max - E.LoadOne(row + target * E.Size);
            if (!wanted) return loss;

            float scale = weight / sum;
            float right = (MathF.Exp(E.LoadOne(row + target * E.Size) - max) / sum - 1) * weight;
            for (long j = 0; j < whole; j += 16) E.Store(row + j * E.Size, VectorMath.Exp(E.Load(row + j * E.Size) - shift) * scale);
            for (long j = whole; j < columns; j++) E.StoreOne(row + j * E.Size, MathF.Exp(E.LoadOne(row + j * E.Size) - max) * scale);
            E.StoreOne(row + target * E.Size, right);
            return loss;
        }

        private static void Clear(byte* row, long bytes) => System.Runtime.InteropServices.NativeMemory.Clear(row, (nuint)bytes);
    }
}

// N rows (tokens), C columns (features)
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The step between two sub-layers of a pre-norm Transformer in one pass over memory: the residual sum s = x + (y + b) and its
/// layer norm (Ba, Kiros and Hinton 2016, equation 4). Statistics are computed in 32 bits. On other devices the same in torch's own
/// operators.
/// </summary>
public static class AddLayerNorm
{
    /// <summary>Adds a sub-layer's output to the residual stream and normalizes the sum.</summary>
    /// <param name="residual">The residual stream x, (N, C).</param>
    /// <param name="update">The sub-layer's output y without its bias, (N, C).</param>
    /// <param name="bias">The sub-layer's bias b, (C).</param>
    /// <param name="weight">The norm's gain, (C).</param>
    /// <param name="shift">The norm's shift, (C).</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>The sum s and LayerNorm(s), both (N, C).</returns>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static (Tensor Sum, Tensor Normed) Apply(Tensor residual, Tensor update, Tensor bias, Tensor weight, Tensor shift, double epsilon)
    {
        var (sum, normed) = Compute(residual, update, bias, weight, shift, epsilon, needsSum: true);
        return (sum!, normed);
    }

    /// <summary>The normalized sum alone: behind the last block, nothing needs the sum itself.</summary>
    internal static Tensor ApplyNormed(Tensor residual, Tensor update, Tensor bias, Tensor weight, Tensor shift, double epsilon) =>
        Compute(residual, update, bias, weight, shift, epsilon, needsSum: false).Normed;

    private static (Tensor? Sum, Tensor Normed) Compute(Tensor residual, Tensor update, Tensor bias, Tensor weight, Tensor shift, double epsilon, bool needsSum)
    {
        long columns = weight.numel();
        if (residual.ndim == 0 || residual.size(-1) != columns || !residual.shape.SequenceEqual(update.shape) || bias.numel() != columns || shift.numel() != columns)
            throw new ArgumentException(
                $"residual ({string.Join(", ", residual.shape)}) and update ({string.Join(", ", update.shape)}) must have one shape (…, C), and bias ({bias.numel()}), weight ({columns}) and shift ({shift.numel()}) C elements.",
                nameof(residual));
        bool kernel = TensorMemory.HasKernelsFor(residual) && columns % 16 == 0
            && residual.dtype == update.dtype && new[] { bias, weight, shift }.All(t => t.dtype == residual.dtype && t.is_contiguous());
        if (kernel)
        {
            List<Tensor> results = Kernel.apply(residual.contiguous(), update.contiguous(), bias, weight, shift, epsilon, needsSum);
            return (needsSum ? results[0] : null, results[^1]);
        }
        Tensor sum = residual + (update + bias);
        return (sum, nn.functional.layer_norm(sum, [columns], weight, shift, epsilon));
    }

    /// <summary>Layer norm alone.</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="weight">The gain, (C).</param>
    /// <param name="shift">The shift, (C), or null.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <returns>(N, C).</returns>
    public static Tensor Norm(Tensor x, Tensor weight, Tensor? shift, double epsilon) =>
        shift is not null && TensorMemory.HasKernelsFor(x) && weight.numel() % 16 == 0 && x.dtype == weight.dtype && x.dtype == shift.dtype && x.ndim > 0 && x.size(-1) == weight.numel()
            ? Kernel.apply(x.contiguous(), null!, null!, weight, shift, epsilon, false)[0]
            : nn.functional.layer_norm(x, [weight.numel()], weight, shift!, epsilon);

    private sealed unsafe class Kernel : autograd.MultiTensorFunction<Kernel>
    {
        public override string Name => nameof(AddLayerNorm);

        public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (residual, update, bias, weight, shift) = ((Tensor)vars[0], vars[1] as Tensor, vars[2] as Tensor, (Tensor)vars[3], (Tensor)vars[4]);
            Tensor sum = update is null ? residual : empty_like(residual), normed = empty_like(residual);
            Tensor statistics = empty([2, residual.numel() / weight.numel()], dtype: ScalarType.Float32);   // mean and 1/σ of each row
            var epsilon = (float)(double)vars[5];
            if (residual.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(residual, update, bias, weight, shift, epsilon, sum, normed, statistics);
            else Forward<Float32Element>(residual, update, bias, weight, shift, epsilon, sum, normed, statistics);
            ctx.save_for_backward([sum, weight, statistics]);
            ctx.save_data("updated", update is not null);
            ctx.set_materialize_grads(false);
            return (bool)vars[6] ? [sum, normed] : [normed];
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (sum, weight, statistics) = (saved[0], saved[1], saved[2]);
            // The gradient of a result that nothing used is an invalid tensor.
            Tensor? dsum = grad_outputs.Count == 1 || grad_outputs[0].IsInvalid ? null : grad_outputs[0].contiguous();
            Tensor dnormed = grad_outputs[^1].IsInvalid ? zeros_like(sum) : grad_outputs[^1].contiguous();
            var (dx, dbias, dgain, dshift) = sum.dtype == ScalarType.BFloat16
                ? Backward<BFloat16Element>(sum, weight, statistics, dsum, dnormed)
                : Backward<Float32Element>(sum, weight, statistics, dsum, dnormed);
            return (bool)ctx.get_data("updated") ? [dx, dx.alias(), dbias, dgain, dshift, null!, null!] : [dx, null!, null!, dgain, dshift, null!, null!];
        }

        private static void Forward<E>(Tensor residual, Tensor? update, Tensor? bias, Tensor weight, Tensor shift, float epsilon,
            Tensor sum, Tensor normed, Tensor statistics) where E : struct, IElement
        {
            long columns = weight.numel(), rows = residual.numel() / columns;
            byte* px = TensorMemory.Address(residual), py = update is null ? null : TensorMemory.Address(update), pb = bias is null ? null : TensorMemory.Address(bias);
            byte* pw = TensorMemory.Address(weight), ph = TensorMemory.Address(shift);
            byte* ps = TensorMemory.Address(sum), pn = TensorMemory.Address(normed);
            var means = (float*)TensorMemory.Address(statistics);
            float* inverses = means + rows;
            int chunks = ParallelLoop.Chunks(rows, 64);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                long bytes = columns * E.Size;
                byte* b = pb, w = pw, h = ph;
                for (long r = from; r < to; r++)
                {
                    long row = r * bytes;
                    byte* s = ps + row;
                    if (py != null)
                    {
                        byte* x = px + row, y = py + row;
                        for (long c = 0; c < bytes; c += 16 * E.Size) E.Store(s + c, E.Load(x + c) + (E.Load(y + c) + E.Load(b + c)));
                    }

                    Vector512<float> total = Vector512<float>.Zero;
                    for (long c = 0; c < bytes; c += 16 * E.Size) total += E.Load(s + c);
                    float mean = Vector512.Sum(total) / columns;
                    Vector512<float> centre = Vector512.Create(mean), squares = Vector512<float>.Zero;
                    for (long c = 0; c < bytes; c += 16 * E.Size)
                    {
                        Vector512<float> d = E.Load(s + c) - centre;
                        squares = Vector512.FusedMultiplyAdd(d, d, squares);
                    }
                    float inverse = 1 / MathF.Sqrt(Vector512.Sum(squares) / columns + epsilon);
                    (means[r], inverses[r]) = (mean, inverse);

                    Vector512<float> scale = Vector512.Create(inverse);
                    byte* n = pn + row;
                    for (long c = 0; c < bytes; c += 16 * E.Size)
                        E.Store(n + c, Vector512.FusedMultiplyAdd((E.Load(s + c) - centre) * scale, E.Load(w + c), E.Load(h + c)));
                }
            });
        }

        private static (Tensor Dx, Tensor Dbias, Tensor Dgain, Tensor Dshift) Backward<E>(Tensor sum, Tensor weight, Tensor statistics, Tensor? dsum, Tensor dnormed) where E : struct, IElement
        {
            long columns = weight.numel(), rows = sum.numel() / columns;
            int chunks = ParallelLoop.Chunks(rows, 64);
            Tensor dx = empty_like(sum);
            using Tensor partial = zeros([chunks, 3, columns]);   // of the bias, the gain and the shift
            byte* ps = TensorMemory.Address(sum), pw = TensorMemory.Address(weight), pn = TensorMemory.Address(dnormed), pdx = TensorMemory.Address(dx);
            byte* pd = dsum is null ? null : TensorMemory.Address(dsum);
            var means = (float*)TensorMemory.Address(statistics);
            float* inverses = means + rows;
            var sums = (float*)TensorMemory.Address(partial);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                float* dbias = sums + chunk * 3 * columns, dgain = dbias + columns, dshift = dgain + columns;
                byte* w = pw;
                long width = columns;
                for (long r = from; r < to; r++)
                {
                    long row = r * width * E.Size;
                    byte* sr = ps + row, nr = pn + row, dxr = pdx + row, dr = pd == null ? null : pd + row;
                    Vector512<float> centre = Vector512.Create(means[r]), inverse = Vector512.Create(inverses[r]);
                    Vector512<float> first = Vector512<float>.Zero, second = Vector512<float>.Zero;
                    for (long c = 0; c < width; c += 16)
                    {
                        long at = c * E.Size;
                        Vector512<float> hat = (E.Load(sr + at) - centre) * inverse, d = E.Load(nr + at), g = d * E.Load(w + at);
                        first += g;
                        second = Vector512.FusedMultiplyAdd(g, hat, second);
                        Vector512.FusedMultiplyAdd(d, hat, Vector512.Load(dgain + c)).Store(dgain + c);
                        (Vector512.Load(dshift + c) + d).Store(dshift + c);
                    }
                    Vector512<float> m1 = Vector512.Create(Vector512.Sum(first) / columns), m2 = Vector512.Create(Vector512.Sum(second) / columns);
                    for (long c = 0; c < width; c += 16)
                    {
                        long at = c * E.Size;
                        Vector512<float> hat = (E.Load(sr + at) - centre) * inverse, g = E.Load(nr + at) * E.Load(w + at);
                        Vector512<float> d = inverse * (g - m1 - hat * m2);
                        if (dr != null) d += E.Load(dr + at);
                        E.Store(dxr + at, d);
                        (Vector512.Load(dbias + c) + d).Store(dbias + c);
                    }
                }
            });
            using Tensor totals = partial.sum(dim: 0);
            Tensor typed = totals.to(weight.dtype);
            return (dx, typed[0], typed[1], typed[2]);
        }
    }
}

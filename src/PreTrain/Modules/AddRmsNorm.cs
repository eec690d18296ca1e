// N rows (tokens), C columns (features)
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The residual sum s = x + y and its norm s / √(mean s² + ε) · gain (Zhang and Sennrich 2019, equation 4) in one pass over memory. Statistics are computed in
/// 32 bits. On other devices the same in torch's own operators.
/// </summary>
public static class AddRmsNorm
{
    /// <summary>Adds a sub-layer's output to the residual stream and normalizes the sum.</summary>
    /// <param name="residual">The residual stream x, (N, C).</param>
    /// <param name="update">The sub-layer's output y, (N, C).</param>
    /// <param name="weight">The gain, (C).</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>The sum and its normalized form, both (N, C).</returns>
    /// <exception cref="ArgumentException">The shapes do not fit together.</exception>
    public static (Tensor Sum, Tensor Normed) Apply(Tensor residual, Tensor update, Tensor weight, double epsilon)
    {
        if (residual.ndim == 0 || residual.size(-1) != weight.numel() || !residual.shape.SequenceEqual(update.shape))
            throw new ArgumentException(
                $"residual ({string.Join(", ", residual.shape)}) and update ({string.Join(", ", update.shape)}) must have one shape (…, C), and weight ({weight.numel()}) C elements.", nameof(residual));
        if (HasKernel(residual, weight) && residual.dtype == update.dtype)
        {
            List<Tensor> results = Kernel.apply(residual.contiguous(), update.contiguous(), weight, epsilon);
            return (results[0], results[1]);
        }
        Tensor sum = residual + update;
        return (sum, Norm(sum, weight, epsilon));
    }

    /// <summary>The norm alone.</summary>
    /// <param name="x">(…, C).</param>
    /// <param name="weight">The gain, (C).</param>
    /// <param name="epsilon">Added to the mean square.</param>
    /// <returns>The same shape and type.</returns>
    public static Tensor Norm(Tensor x, Tensor weight, double epsilon)
    {
        if (x.ndim == 0 || x.size(-1) != weight.numel()) throw new ArgumentException($"The last axis of x ({string.Join(", ", x.shape)}) must have the gain's length ({weight.numel()}).", nameof(x));
        if (HasKernel(x, weight)) return Kernel.apply(x.contiguous(), null!, weight, epsilon)[0];
        using DisposeScope scope = NewDisposeScope();
        // In no less than 32 bits.
        Tensor wide = x.dtype == ScalarType.Float64 ? x : x.to(ScalarType.Float32);
        Tensor inverse = (wide.square().mean([-1], keepdim: true) + epsilon).rsqrt();
        return scope.MoveToOuter(weight * (wide * inverse).to(x.dtype));
    }

    private static bool HasKernel(Tensor x, Tensor weight) =>
        TensorMemory.HasKernelsFor(x) && weight.numel() % 16 == 0 && x.dtype == weight.dtype && weight.is_contiguous() && x.numel() > 0;

    private sealed unsafe class Kernel : autograd.MultiTensorFunction<Kernel>
    {
        public override string Name => nameof(AddRmsNorm);

        public override List<Tensor> forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (residual, update, weight) = ((Tensor)vars[0], vars[1] as Tensor, (Tensor)vars[2]);
            Tensor sum = update is null ? residual : empty_like(residual), normed = empty_like(residual);
            Tensor inverses = empty([residual.numel() / weight.numel()], dtype: ScalarType.Float32);
            var epsilon = (float)(double)vars[3];
            if (residual.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(residual, update, weight, epsilon, sum, normed, inverses);
            else Forward<Float32Element>(residual, update, weight, epsilon, sum, normed, inverses);
            ctx.save_for_backward([sum, weight, inverses]);
            ctx.save_data("updated", update is not null);
            ctx.set_materialize_grads(false);
            return update is null ? [normed] : [sum, normed];
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, List<Tensor> grad_outputs)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (sum, weight, inverses) = (saved[0], saved[1], saved[2]);
            bool updated = (bool)ctx.get_data("updated");
            // The gradient of a result that nothing used is an invalid tensor.
            Tensor? dsum = !updated || grad_outputs[0].IsInvalid ? null : grad_outputs[0].contiguous();
            Tensor dnormed = grad_outputs[^1].IsInvalid ? zeros_like(sum) : grad_outputs[^1].contiguous();
            var (dx, dgain) = sum.dtype == ScalarType.BFloat16
                ? Backward<BFloat16Element>(sum, weight, inverses, dsum, dnormed)
                : Backward<Float32Element>(sum, weight, inverses, dsum, dnormed);
            return [dx, updated ? dx.alias() : null!, dgain, null!];
        }

        private static void Forward<E>(Tensor residual, Tensor? update, Tensor weight, float epsilon, Tensor sum, Tensor normed, Tensor inverses) where E : struct, IElement
        {
            long columns = weight.numel(), rows = residual.numel() / columns;
            byte* px = TensorMemory.Address(residual), py = update is null ? null : TensorMemory.Address(update), pw = TensorMemory.Address(weight);
            byte* ps = TensorMemory.Address(sum), pn = TensorMemory.Address(normed);
            var pi = (float*)TensorMemory.Address(inverses);
            int chunks = ParallelLoop.Chunks(rows, 64);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                long bytes = columns * E.Size;
                byte* w = pw;
                for (long r = from; r < to; r++)
                {
                    byte* s = ps + r * bytes, n = pn + r * bytes;
                    Vector512<float> squares = Vector512<float>.Zero;
                    if (py != null)
                    {
                        byte* x = px + r * bytes, y = py + r * bytes;
                        for (long c = 0; c < bytes; c += 16 * E.Size) E.Store(s + c, E.Load(x + c) + E.Load(y + c));
                    }
                    for (long c = 0; c < bytes; c += 16 * E.Size)
                    {
                        Vector512<float> v = E.Load(s + c);   // as it was rounded
                        squares = Vector512.FusedMultiplyAdd(v, v, squares);
                    }
                    float inverse = 1 / MathF.Sqrt(Vector512.Sum(squares) / columns + epsilon);
                    pi[r] = inverse;
                    Vector512<float> scale = Vector512.Create(inverse);
                    for (long c = 0; c < bytes; c += 16 * E.Size) E.Store(n + c, E.Load(s + c) * scale * E.Load(w + c));
                }
            });
        }

        private static (Tensor Dx, Tensor Dgain) Backward<E>(Tensor sum, Tensor weight, Tensor inverses, Tensor? dsum, Tensor dnormed) where E : struct, IElement
        {
            long columns = weight.numel(), rows = sum.numel() / columns;
            int chunks = ParallelLoop.Chunks(rows, 64);
            Tensor dx = empty_like(sum);
            using Tensor partial = zeros([chunks, columns]);
            byte* ps = TensorMemory.Address(sum), pw = TensorMemory.Address(weight), pn = TensorMemory.Address(dnormed), pdx = TensorMemory.Address(dx);
            byte* pd = dsum is null ? null : TensorMemory.Address(dsum);
            var pi = (float*)TensorMemory.Address(inverses);
            var sums = (float*)TensorMemory.Address(partial);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                float* dgain = sums + chunk * columns;
                byte* w = pw;
                long width = columns;
                for (long r = from; r < to; r++)
                {
                    long row = r * width * E.Size;
                    byte* sr = ps + row, nr = pn + row, dxr = pdx + row, dr = pd == null ? null : pd + row;
                    Vector512<float> inverse = Vector512.Create(pi[r]), product = Vector512<float>.Zero;
                    for (long c = 0; c < width; c += 16)
                    {
                        long at = c * E.Size;
                        Vector512<float> hat = E.Load(sr + at) * inverse, d = E.Load(nr + at);
                        product = Vector512.FusedMultiplyAdd(d * E.Load(w + at), hat, product);
                        Vector512.FusedMultiplyAdd(d, hat, Vector512.Load(dgain + c)).Store(dgain + c);
                    }
                    Vector512<float> mean = Vector512.Create(Vector512.Sum(product) / columns);
                    for (long c = 0; c < width; c += 16)
                    {
                        long at = c * E.Size;
                        Vector512<float> hat = E.Load(sr + at) * inverse, d = inverse * (E.Load(nr + at) * E.Load(w + at) - hat * mean);
                        if (dr != null) d += E.Load(dr + at);
                        E.Store(dxr + at, d);
                    }
                }
            });
            using Tensor total = partial.sum(dim: 0);
            return (dx, total.to(weight.dtype));
        }
    }
}

// N rows (tokens), C columns (features)
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// GELU(x + b), in its tanh form or with the error function (Hendrycks and Gimpel 2016, section 2), in one pass over memory; its backward pass computes the
/// derivative and the bias gradient together. On other devices the same in torch's own operators.
/// </summary>
public static class BiasGelu
{
    /// <summary>Adds the bias and applies GELU.</summary>
    /// <param name="x">(…, C).</param>
    /// <param name="bias">(C).</param>
    /// <param name="exact">Whether with the error function.</param>
    /// <returns>(…, C), of the type of <paramref name="x"/>.</returns>
    /// <exception cref="ArgumentException">The last axis of <paramref name="x"/> is not as long as <paramref name="bias"/>.</exception>
    public static Tensor Apply(Tensor x, Tensor bias, bool exact = false)
    {
        long columns = bias.numel();
        if (x.ndim == 0 || x.size(-1) != columns)
            throw new ArgumentException($"The last axis of x ({string.Join(", ", x.shape)}) must have the bias' length ({columns}).", nameof(x));
        return TensorMemory.HasKernelsFor(x) && x.dtype == bias.dtype && columns % 16 == 0 && x.is_contiguous() && bias.is_contiguous()
            ? Kernel.apply(x, bias, exact)
            : nn.functional.gelu(x + bias, exact ? TorchSharp.Modules.GELU.Approximate.none : TorchSharp.Modules.GELU.Approximate.tanh);
    }

    private sealed unsafe class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(BiasGelu);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, bias) = ((Tensor)vars[0], (Tensor)vars[1]);
            Tensor y = empty_like(x);
            bool exact = (bool)vars[2], narrow = x.dtype == ScalarType.BFloat16;
            if (narrow && exact) Forward<BFloat16Element, GeluFunction>(x, bias, y);
            else if (narrow) Forward<BFloat16Element, GeluTanhFunction>(x, bias, y);
            else if (exact) Forward<Float32Element, GeluFunction>(x, bias, y);
            else Forward<Float32Element, GeluTanhFunction>(x, bias, y);
            ctx.save_for_backward([x, bias]);
            ctx.save_data("exact", exact);
            return y;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (x, bias) = (saved[0], saved[1]);
            Tensor dy = grad_output.contiguous(), dx = empty_like(x);
            bool exact = (bool)ctx.get_data("exact"), narrow = x.dtype == ScalarType.BFloat16;
            Tensor dbias = narrow && exact ? Backward<BFloat16Element, GeluFunction>(x, bias, dy, dx)
                : narrow ? Backward<BFloat16Element, GeluTanhFunction>(x, bias, dy, dx)
                : exact ? Backward<Float32Element, GeluFunction>(x, bias, dy, dx)
                : Backward<Float32Element, GeluTanhFunction>(x, bias, dy, dx);
            return [dx, dbias, null!];
        }

        private static void Forward<E, F>(Tensor x, Tensor bias, Tensor y) where E : struct, IElement where F : struct, IPointwise
        {
            long columns = bias.numel(), rows = x.numel() / columns;
            byte* px = TensorMemory.Address(x), pb = TensorMemory.Address(bias), py = TensorMemory.Address(y);
            int chunks = ParallelLoop.Chunks(rows, 64);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                long bytes = columns * E.Size;
                byte* b = pb;
                for (long r = from; r < to; r++)
                {
                    byte* xr = px + r * bytes, yr = py + r * bytes;
                    for (long c = 0; c < bytes; c += 16 * E.Size) E.Store(yr + c, F.Value(E.Load(xr + c) + E.Load(b + c)));
                }
            });
        }

        private static Tensor Backward<E, F>(Tensor x, Tensor bias, Tensor dy, Tensor dx) where E : struct, IElement where F : struct, IPointwise
        {
            long columns = bias.numel(), rows = x.numel() / columns;
            int chunks = ParallelLoop.Chunks(rows, 64);
            using Tensor partial = zeros([chunks, columns]);
            byte* px = TensorMemory.Address(x), pb = TensorMemory.Address(bias), pdy = TensorMemory.Address(dy), pdx = TensorMemory.Address(dx);
            var sums = (float*)TensorMemory.Address(partial);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (from, to) = ParallelLoop.Range(rows, chunks, chunk);
                float* sum = sums + chunk * columns;
                byte* b = pb;
                long width = columns;
                for (long r = from; r < to; r++)
                {
                    long row = r * width * E.Size;
                    byte* xr = px + row, dyr = pdy + row, dxr = pdx + row;
                    for (long c = 0; c < width; c += 16)
                    {
                        long at = c * E.Size;
                        Vector512<float> d = E.Load(dyr + at) * F.Derivative(E.Load(xr + at) + E.Load(b + at));
                        E.Store(dxr + at, d);
                        (Vector512.Load(sum + c) + d).Store(sum + c);
                    }
                }
            });
            using Tensor total = partial.sum(dim: 0);
            return total.to(bias.dtype);
        }
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Dropout (Srivastava et al. 2014, section 4) whose mask follows from a key that torch's default generator gives and the place of each element: it is computed again where it is needed, by all threads and the same on any
/// number of them. On other devices torch's own.
/// </summary>
internal static class CounterDropout
{
    private const long Grain = 512;   // blocks

    /// <summary>Drops elements, and multiplies those that stay with 1 / (1 − p).</summary>
    /// <param name="x">Of any shape.</param>
    /// <param name="probability">p, from 0 to 1.</param>
    /// <returns>The same shape.</returns>
    internal static Tensor Apply(Tensor x, double probability)
    {
        if (probability == 0) return x;
        if (!TensorMemory.HasKernelsFor(x) || probability >= 1) return nn.functional.dropout(x, probability, training: true);
        return Kernel.apply(x.contiguous(), DropoutMask.Draw(probability));
    }

    private sealed class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(CounterDropout);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, mask) = ((Tensor)vars[0], (DropoutMask)vars[1]);
            ctx.save_data("mask", mask);
            return Masked(x, mask);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using Tensor dy = grad_output.contiguous();
            return [Masked(dy, (DropoutMask)ctx.get_data("mask")), null!];
        }

        private static Tensor Masked(Tensor x, DropoutMask mask) => x.dtype == ScalarType.BFloat16 ? Masked<BFloat16Element>(x, mask) : Masked<Float32Element>(x, mask);

        private static unsafe Tensor Masked<E>(Tensor x, DropoutMask mask) where E : struct, IElement
        {
            Tensor y = empty_like(x);
            long count = x.numel(), blocks = (count + Philox.BlockSize - 1) / Philox.BlockSize;
            byte* from = TensorMemory.Address(x), to = TensorMemory.Address(y);
            int chunks = ParallelLoop.Chunks(blocks, Grain);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(blocks, chunks, chunk);
                Vector512<float> scale = Vector512.Create(mask.Scale);
                for (long block = first; block < last; block++)
                {
                    uint kept = Philox.AtLeast(mask.Key, (ulong)block, mask.Threshold);
                    long start = block * Philox.BlockSize;
                    if (start + Philox.BlockSize <= count)
                    {
                        E.Store(to + start * E.Size, E.Load(from + start * E.Size) * DropoutMask.Select(kept, scale));
                        E.Store(to + (start + 16) * E.Size, E.Load(from + (start + 16) * E.Size) * DropoutMask.Select(kept >> 16, scale));
                        continue;
                    }
                    for (long i = start; i < count; i++) E.StoreOne(to + i * E.Size, E.LoadOne(from + i * E.Size) * ((kept >> (int)(i - start) & 1) == 0 ? 0 : mask.Scale));
                }
            });
            return y;
        }
    }
}

// B batch, T tokens, C embedding, H heads, D = C/H width of a head
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static PreTrain.Torch.Cpu.TileProduct;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Causal attention as two batched matrix products a side, and between them one pass over memory each for splitting heads, softmax and joining
/// heads. It keeps the weights for the backward pass.
/// </summary>
internal sealed unsafe class BatchedCausalAttention : autograd.SingleTensorFunction<BatchedCausalAttention>
{
    public override string Name => nameof(CausalAttention);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (qkv, bias, batch, heads) = ((Tensor)vars[0], (Tensor)vars[1], (long)vars[2], (int)vars[3]);
        return qkv.dtype == ScalarType.BFloat16 ? Forward<BFloat16Element>(ctx, qkv, bias, batch, heads) : Forward<Float32Element>(ctx, qkv, bias, batch, heads);
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        using Tensor dy = grad_output.contiguous();
        return dy.dtype == ScalarType.BFloat16 ? Backward<BFloat16Element>(ctx, dy) : Backward<Float32Element>(ctx, dy);
    }

    private static Tensor Forward<E>(autograd.AutogradContext ctx, Tensor qkv, Tensor bias, long batch, int heads) where E : struct, IElement
    {
        long length = qkv.size(0) / batch, width = bias.numel() / 3, head = width / heads;
        Tensor split = empty([3, batch * heads, length, head], dtype: qkv.dtype);
        float scale = 1 / MathF.Sqrt(head);
        SplitHeads<E>(qkv, bias, split, 3, batch, heads, scale);
        Tensor q = split[0], k = split[1], v = split[2];   // (B·H, T, D); q is scaled
        Tensor weights = Causal(q, k, Triangle.Result);    // (B·H, T, T)
        CausalSoftmax<E>(weights);
        using Tensor joined = Causal(weights, v, Triangle.Left);
        Tensor y = empty([batch * length, width], dtype: qkv.dtype);
        JoinHeads<E>([joined], y, null, batch, heads, 1);
        ctx.save_for_backward([split, weights, bias]);
        ctx.save_data("batch", batch);
        ctx.save_data("heads", heads);
        return y;
    }

    private static List<Tensor> Backward<E>(autograd.AutogradContext ctx, Tensor dy) where E : struct, IElement
    {
        List<Tensor> saved = ctx.get_saved_variables();
        var (split, weights, bias) = (saved[0], saved[1], saved[2]);
        var (batch, heads) = ((long)ctx.get_data("batch"), (int)ctx.get_data("heads"));
        long length = split.size(2), head = split.size(3), width = heads * head;
        Tensor q = split[0], k = split[1], v = split[2];

        Tensor djoined = empty([1, batch * heads, length, head], dtype: dy.dtype);
        SplitHeads<E>(dy, null, djoined, 1, batch, heads, 1);
        Tensor dout = djoined[0];
        Tensor dscores = Causal(dout, v, Triangle.Result);
        Tensor dv = Causal(weights, dout, Triangle.LeftTransposed);
        SoftmaxBackward<E>(weights, dscores);
        Tensor dq = Causal(dscores, k, Triangle.Left), dk = Causal(dscores, q, Triangle.LeftTransposed);

        Tensor dqkv = empty([batch * length, 3 * width], dtype: dy.dtype);
        Tensor dbias = JoinHeads<E>([dq, dk, dv], dqkv, bias, batch, heads, 1 / MathF.Sqrt(head))!;
        return [dqkv, dbias, null!, null!];
    }

    /// <summary>The product of what the mask leaves, where the matrix unit is there to use; else of everything.</summary>
    private static Tensor Causal(Tensor a, Tensor b, Triangle triangle)
    {
        if (MatrixUnit.IsSupported && b.dtype == ScalarType.BFloat16) return TileProduct.Causal(a, b, triangle);
        using Tensor turned = triangle == Triangle.Result ? b.transpose(1, 2) : triangle == Triangle.Left ? b.alias() : a.transpose(1, 2);
        return triangle == Triangle.LeftTransposed ? WidenedProduct.Of(turned, b) : WidenedProduct.Of(a, turned);
    }

    /// <summary>(B·T, parts·C) plus bias → (parts, B·H, T, D); the first part is scaled.</summary>
    private static void SplitHeads<E>(Tensor joined, Tensor? bias, Tensor split, int parts, long batch, int heads, float scale) where E : struct, IElement
    {
        long length = split.size(2), head = split.size(3), width = heads * head;
        byte* from = TensorMemory.Address(joined), to = TensorMemory.Address(split), pb = bias is null ? null : TensorMemory.Address(bias);
        long rows = batch * length;
        int chunks = ParallelLoop.Chunks(rows, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
            long bytes = head * E.Size, stride = length * bytes;
            for (long r = first; r < last; r++)
            {
                long b = r / length, t = r % length;
                byte* source = from + r * parts * width * E.Size, addend = pb;
                for (int part = 0; part < parts; part++)
                {
                    Vector512<float> factor = Vector512.Create(part == 0 ? scale : 1f);
                    byte* target = to + ((part * batch + b) * heads * length + t) * bytes;
                    for (int h = 0; h < heads; h++, target += stride, source += bytes)
                    {
                        if (addend == null)
                        {
                            for (long d = 0; d < bytes; d += 16 * E.Size) E.Store(target + d, E.Load(source + d) * factor);
                            continue;
                        }
                        for (long d = 0; d < bytes; d += 16 * E.Size) E.Store(target + d, (E.Load(source + d) + E.Load(addend + d)) * factor);
                        addend += bytes;
                    }
                }
            }
        });
    }

    /// <summary>Parts of (B·H, T, D) → (B·T, parts·C), the first part scaled; with a bias also the sum over rows, its gradient.</summary>
    private static Tensor? JoinHeads<E>(Tensor[] split, Tensor joined, Tensor? bias, long batch, int heads, float scale) where E : struct, IElement
    {
        int parts = split.Length;
        long rows = joined.size(0), columns = joined.size(1), length = rows / batch, width = columns / parts, head = width / heads;
        int chunks = ParallelLoop.Chunks(rows, 64);
        using Tensor? partial = bias is null ? null : zeros([chunks, columns]);
        nint[] from = Array.ConvertAll(split, t => (nint)TensorMemory.Address(t));
        byte* to = TensorMemory.Address(joined);
        float* sums = partial is null ? null : (float*)TensorMemory.Address(partial);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
            long size = head, stride = length * head * E.Size;
            for (long r = first; r < last; r++)
            {
                long b = r / length, t = r % length;
                byte* target = to + r * columns * E.Size;
                float* sum = sums == null ? null : sums + chunk * columns;
                for (int part = 0; part < parts; part++)
                {
                    Vector512<float> factor = Vector512.Create(part == 0 ? scale : 1f);
                    byte* source = (byte*)from[part] + (b * heads * length + t) * size * E.Size;
                    for (int h = 0; h < heads; h++, source += stride, target += size * E.Size)
                    {
                        for (long d = 0; d < size; d += 16)
                        {
                            Vector512<float> x = E.Load(source + d * E.Size) * factor;
                            E.Store(target + d * E.Size, x);
                            if (sum != null) (Vector512.Load(sum + d) + x).Store(sum + d);
                        }
                        if (sum != null) sum += size;
                    }
                }
            }
        });
        using Tensor? total = partial?.sum(dim: 0);
        return total?.to(bias!.dtype);
    }

    /// <summary>Softmax over the keys up to each query's own, in place; zeros after it. (B·H, T, T)</summary>
    private static void CausalSoftmax<E>(Tensor scores) where E : struct, IElement
    {
        long length = scores.size(2), rows = scores.numel() / length;
        byte* p = TensorMemory.Address(scores);
        int chunks = ParallelLoop.Chunks(rows, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
            float* buffer = stackalloc float[(int)Math.Min(length + 16, 4112)];
            for (long r = first; r < last; r++)
                SoftmaxRow<E>(p + r * length * E.Size, r % length + 1, length, buffer, 4096);
        });
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void SoftmaxRow<E>(byte* row, long valid, long length, float* buffer, long capacity) where E : struct, IElement
    {
        // The last, partial register is read whole where the row reaches that far, with the lanes beyond the query masked out.
        long whole = valid & ~15L, covered = whole;
        bool masked = whole < valid && whole + 16 <= length;
        Vector512<float> lanes = VectorMath.FirstLanes(valid - whole), lowest = Vector512.Create(float.NegativeInfinity);

        Vector512<float> top = lowest;
        for (long j = 0; j < whole; j += 16) top = Vector512.MaxNative(top, E.Load(row + j * E.Size));
        if (masked)
        {
            top = Vector512.MaxNative(top, Vector512.ConditionalSelect(lanes, E.Load(row + whole * E.Size), lowest));
            covered = whole + 16;
        }
        float max = VectorMath.Max(top);
        for (long j = covered; j < valid; j++) max = MathF.Max(max, E.LoadOne(row + j * E.Size));

        // The exponentials are kept in 32 bits where they fit the buffer, so that they are rounded once.
        bool buffered = length <= capacity;
        Vector512<float> shift = Vector512.Create(max), total = Vector512<float>.Zero;
        for (long j = 0; j < covered; j += 16)
        {
            Vector512<float> e = VectorMath.Exp(E.Load(row + j * E.Size) - shift);
            if (j == whole) e &= lanes;
            total += e;
            if (buffered) e.Store(buffer + j);
        }
        float sum = Vector512.Sum(total);
        for (long j = covered; j < valid; j++)
        {
            float e = MathF.Exp(E.LoadOne(row + j * E.Size) - max);
            sum += e;
            if (buffered) buffer[j] = e;
        }

        float inverse = 1 / sum;
        for (long j = 0; j < covered; j += 16)
        {
            Vector512<float> e = buffered ? Vector512.Load(buffer + j) : VectorMath.Exp(E.Load(row + j * E.Size) - shift);
            if (j == whole) e &= lanes;
            E.Store(row + j * E.Size, e * inverse);
        }
        for (long j = covered; j < valid; j++)
            E.StoreOne(row + j * E.Size, (buffered ? buffer[j] : MathF.Exp(E.LoadOne(row + j * E.Size) - max)) * inverse);
        long end = Math.Max(covered, valid);
        new Span<byte>(row + end * E.Size, (int)((length - end) * E.Size)).Clear();
    }

    /// <summary>dS = P ∘ (dP − Σⱼ P dP), in place of dP; zeros after each query's own key.</summary>
    private static void SoftmaxBackward<E>(Tensor weights, Tensor grad) where E : struct, IElement
    {
        long length = weights.size(2), rows = weights.numel() / length;
        byte* pw = TensorMemory.Address(weights), pg = TensorMemory.Address(grad);
        int chunks = ParallelLoop.Chunks(rows, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
            for (long r = first; r < last; r++)
            {
                byte* w = pw + r * length * E.Size, g = pg + r * length * E.Size;
                // The weights behind the query's own key are zero, so whole registers do no harm.
                long valid = r % length + 1, rounded = (valid + 15) & ~15L, whole = rounded <= length ? rounded : valid & ~15L;
                Vector512<float> total = Vector512<float>.Zero;
                for (long j = 0; j < whole * E.Size; j += 16 * E.Size) total = Vector512.FusedMultiplyAdd(E.Load(w + j), E.Load(g + j), total);
                float dot = Vector512.Sum(total);
                for (long j = whole; j < valid; j++) dot += E.LoadOne(w + j * E.Size) * E.LoadOne(g + j * E.Size);

                Vector512<float> mean = Vector512.Create(dot);
                for (long j = 0; j < whole * E.Size; j += 16 * E.Size) E.Store(g + j, E.Load(w + j) * (E.Load(g + j) - mean));
                for (long j = whole; j < valid; j++) E.StoreOne(g + j * E.Size, E.LoadOne(w + j * E.Size) * (E.LoadOne(g + j * E.Size) - dot));
                long end = Math.Max(whole, valid);
                new Span<byte>(g + end * E.Size, (int)((length - end) * E.Size)).Clear();
            }
        });
    }
}

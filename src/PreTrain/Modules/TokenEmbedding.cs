// B batch, T tokens, C embedding, V vocabulary
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// The sum of a token's and its position's learned embedding (Radford et al. 2018, equation 2). The gradient of a token that occurs
/// often is summed in 32 bits and rounded once.
/// </summary>
public static class TokenEmbedding
{
    /// <summary>Looks up tokens and adds positions.</summary>
    /// <param name="ids">(B, T) of 64-bit integers.</param>
    /// <param name="tokens">(V, C).</param>
    /// <param name="positions">(P, C).</param>
    /// <param name="offset">The position of the first column of <paramref name="ids"/>.</param>
    /// <returns>(B·T, C).</returns>
    /// <exception cref="ArgumentException">The shapes do not fit together, an id is outside the vocabulary, or the sequence is longer than the positions.</exception>
    public static Tensor Apply(Tensor ids, Tensor tokens, Tensor positions, long offset = 0)
    {
        if (ids.ndim != 2) throw new ArgumentException($"ids must be (B, T), not ({string.Join(", ", ids.shape)}).", nameof(ids));
        if (ids.dtype != ScalarType.Int64) throw new ArgumentException($"ids must be 64-bit integers, not {ids.dtype}.", nameof(ids));
        if (tokens.ndim != 2 || positions.ndim != 2 || tokens.size(1) != positions.size(1))
            throw new ArgumentException(
                $"tokens ({string.Join(", ", tokens.shape)}) must be (V, C) and positions ({string.Join(", ", positions.shape)}) (P, C), with one C.", nameof(positions));
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        long length = ids.size(1);
        if (offset + length > positions.size(0))
            throw new ArgumentException($"The sequence reaches position {offset + length}, beyond the context length ({positions.size(0)}). Shorten it, or cut it into windows.", nameof(ids));
        if (ids.device_type == DeviceType.CPU) CheckIds(ids, tokens.size(0));
        if (TensorMemory.HasKernelsFor(tokens) && ids.device_type == DeviceType.CPU && tokens.dtype == positions.dtype && tokens.size(1) % 16 == 0 && tokens.is_contiguous() && positions.is_contiguous())
            return Kernel.apply(ids.contiguous(), tokens, positions, offset);
        Tensor x = tokens.index_select(0, ids.reshape(-1)).view(ids.size(0), length, -1) + positions.narrow(0, offset, length);
        return x.view(ids.numel(), -1);
    }

    private static unsafe void CheckIds(Tensor ids, long vocabulary)
    {
        using Tensor whole = ids.contiguous();
        var p = (long*)TensorMemory.Address(whole);
        for (long i = 0; i < whole.numel(); i++)
        {
            if ((ulong)p[i] >= (ulong)vocabulary)
                throw new ArgumentException(
                    $"The token id {p[i]} at row {i / ids.size(1)}, column {i % ids.size(1)} is outside the vocabulary (0 to {vocabulary - 1}).", nameof(ids));
        }
    }

    private sealed unsafe class Kernel : autograd.SingleTensorFunction<Kernel>
    {
        public override string Name => nameof(TokenEmbedding);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (ids, tokens, positions, offset) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (long)vars[3]);
            Tensor x = empty([ids.numel(), tokens.size(1)], dtype: tokens.dtype);
            if (tokens.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(ids, tokens, positions, offset, x);
            else Forward<Float32Element>(ids, tokens, positions, offset, x);
            ctx.save_for_backward([ids]);
            ctx.save_data("parameters", new[] { tokens, positions });   // in an array: of a tensor, TorchSharp complains on standard output
            ctx.save_data("offset", offset);
            return x;
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            Tensor dx = grad_output.contiguous(), ids = ctx.get_saved_variables()[0];
            var (parameters, offset) = ((Tensor[])ctx.get_data("parameters"), (long)ctx.get_data("offset"));
            var (tokens, positions) = (parameters[0], parameters[1]);
            Tensor? tokenBuffer = GradientBuffers.Of(tokens), positionBuffer = GradientBuffers.Of(positions);
            Tensor dtokens = tokenBuffer ?? zeros_like(tokens), dpositions = positionBuffer ?? zeros_like(positions);
            if (dx.dtype == ScalarType.BFloat16) Backward<BFloat16Element>(ids, dx, dtokens, dpositions, offset);
            else Backward<Float32Element>(ids, dx, dtokens, dpositions, offset);
            return [null!, tokenBuffer is null ? dtokens : null!, positionBuffer is null ? dpositions : null!, null!];
        }

        private static void Forward<E>(Tensor ids, Tensor tokens, Tensor positions, long offset, Tensor x) where E : struct, IElement
        {
            long rows = ids.numel(), length = ids.size(1), columns = tokens.size(1);
            var id = (long*)TensorMemory.Address(ids);
            byte* pt = TensorMemory.Address(tokens), pp = TensorMemory.Address(positions), px = TensorMemory.Address(x);
            int chunks = ParallelLoop.Chunks(rows, 64);
            ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(rows, chunks, chunk);
                for (long r = first; r < last; r++)
                {
                    byte* token = pt + id[r] * columns * E.Size, position = pp + (offset + r % length) * columns * E.Size, target = px + r * columns * E.Size;
                    for (long c = 0; c < columns * E.Size; c += 16 * E.Size) E.Store(target + c, E.Load(token + c) + E.Load(position + c));
                }
            });
        }

        /// <summary>Adds to what the gradients hold.</summary>
        private static void Backward<E>(Tensor ids, Tensor dx, Tensor dtokens, Tensor dpositions, long offset) where E : struct, IElement
        {
            long rows = ids.numel(), length = ids.size(1), columns = dx.size(1);
            var id = (long*)TensorMemory.Address(ids);

            // Rows ordered by token, and among equal tokens by row: each token's gradient is one sum in a fixed order.
            var keys = new long[rows];
            var order = new int[rows];
            for (int r = 0; r < rows; r++) (keys[r], order[r]) = (id[r] * rows + r, r);
            Array.Sort(keys, order);
            var starts = new List<int>();
            for (int i = 0; i < rows; i++)
                if (i == 0 || id[order[i]] != id[order[i - 1]]) starts.Add(i);

            byte* pdx = TensorMemory.Address(dx), pt = TensorMemory.Address(dtokens), pp = TensorMemory.Address(dpositions);
            int tokenChunks = ParallelLoop.Chunks(starts.Count, 16);
            ParallelLoop.For(tokenChunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(starts.Count, tokenChunks, chunk);
                for (long s = first; s < last; s++)
                {
                    int from = starts[(int)s], to = s + 1 < starts.Count ? starts[(int)s + 1] : (int)rows;
                    byte* target = pt + id[order[from]] * columns * E.Size;
                    for (long c = 0; c < columns * E.Size; c += 16 * E.Size)
                    {
                        Vector512<float> sum = Vector512<float>.Zero;
                        for (int i = from; i < to; i++) sum += E.Load(pdx + order[i] * columns * E.Size + c);
                        E.Store(target + c, E.Load(target + c) + sum);
                    }
                }
            });

            int positionChunks = ParallelLoop.Chunks(length, 8);
            ParallelLoop.For(positionChunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
            {
                var (first, last) = ParallelLoop.Range(length, positionChunks, chunk);
                for (long t = first; t < last; t++)
                {
                    byte* target = pp + (offset + t) * columns * E.Size;
                    for (long c = 0; c < columns * E.Size; c += 16 * E.Size)
                    {
                        Vector512<float> sum = Vector512<float>.Zero;
                        for (long r = t; r < rows; r += length) sum += E.Load(pdx + r * columns * E.Size + c);
                        E.Store(target + c, E.Load(target + c) + sum);
                    }
                }
            });
        }
    }
}

// B batch, T tokens, C embedding, H heads, D = C/H width of a head
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// Causal attention head by head in <see cref="AttentionBlocks"/>, straight from the fused product and back into its gradient: no weights are
/// kept, and no split copy of queries, keys and values.
/// </summary>
internal sealed unsafe class BlockedCausalAttention : autograd.SingleTensorFunction<BlockedCausalAttention>
{
    public override string Name => nameof(CausalAttention);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (qkv, bias, batch, heads) = ((Tensor)vars[0], (Tensor)vars[1], (long)vars[2], (int)vars[3]);
        Tensor y = empty([qkv.size(0), bias.numel() / 3], dtype: qkv.dtype);   // (B·T, C)
        Tensor logSums = empty([heads, qkv.size(0)]);                          // (H, B·T)
        if (qkv.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(qkv, bias, y, logSums, batch, heads);
        else Forward<Float32Element>(qkv, bias, y, logSums, batch, heads);
        ctx.save_for_backward([qkv, bias, logSums]);
        ctx.save_data("batch", batch);
        ctx.save_data("heads", heads);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        List<Tensor> saved = ctx.get_saved_variables();
        var (qkv, bias, logSums) = (saved[0], saved[1], saved[2]);
        var (batch, heads) = ((long)ctx.get_data("batch"), (int)ctx.get_data("heads"));
        using Tensor dy = grad_output.contiguous();
        Tensor dqkv = empty_like(qkv);
        using Tensor partial = empty([batch, bias.numel()]);
        if (qkv.dtype == ScalarType.BFloat16) Backward<BFloat16Element>(qkv, bias, logSums, dy, dqkv, partial, batch, heads);
        else Backward<Float32Element>(qkv, bias, logSums, dy, dqkv, partial, batch, heads);
        using Tensor total = partial.sum(dim: 0);
        return [dqkv, total.to(bias.dtype), null!, null!];
    }

    private static void Forward<E>(Tensor qkv, Tensor bias, Tensor y, Tensor logSums, long batch, int heads) where E : struct, IElement
    {
        long tokens = qkv.size(0), length = tokens / batch, width = y.size(1), head = width / heads;
        byte* from = TensorMemory.Address(qkv), pb = TensorMemory.Address(bias), to = TensorMemory.Address(y);
        var sums = (float*)TensorMemory.Address(logSums);
        (int, int)[] intervals = Causal(length);
        ForHeads(batch * heads, length, head, backward: false, (blocks, index) =>
        {
            long b = index / heads, h = index % heads;
            ReadHead<E>(blocks, from + b * length * 3 * width * E.Size, pb, h, length, width, head);
            blocks.Forward(intervals, sums + h * tokens + b * length);
            HeadRows.Write<E>(blocks.Results, to + (b * length * width + h * head) * E.Size, length, head, width, 1, null);
        });
    }

    private static void Backward<E>(Tensor qkv, Tensor bias, Tensor logSums, Tensor dy, Tensor dqkv, Tensor dbias, long batch, int heads) where E : struct, IElement
    {
        long tokens = qkv.size(0), length = tokens / batch, width = dy.size(1), head = width / heads;
        byte* from = TensorMemory.Address(qkv), pb = TensorMemory.Address(bias), grad = TensorMemory.Address(dy), to = TensorMemory.Address(dqkv);
        float* sums = (float*)TensorMemory.Address(logSums), partial = (float*)TensorMemory.Address(dbias);
        (int, int)[] intervals = Causal(length);
        ForHeads(batch * heads, length, head, backward: true, (blocks, index) =>
        {
            long b = index / heads, h = index % heads, row = 3 * width;
            ReadHead<E>(blocks, from + b * length * row * E.Size, pb, h, length, width, head);
            HeadRows.Read<E>(grad + (b * length * width + h * head) * E.Size, null, blocks.Results, length, head, width, 1);
            blocks.ClearKeyGrads();
            blocks.Backward(intervals, sums + h * tokens + b * length);

            byte* target = to + (b * length * row + h * head) * E.Size;
            float* total = partial + b * row + h * head;
            HeadRows.Write<E>(blocks.QueryGrads, target, length, head, row, 1 / MathF.Sqrt(head), total);
            HeadRows.Write<E>(blocks.KeyGrads, target + width * E.Size, length, head, row, 1, total + width);
            HeadRows.Write<E>(blocks.ValueGrads, target + 2 * width * E.Size, length, head, row, 1, total + 2 * width);
        });
    }

    private static (int, int)[] Causal(long length) => [.. Enumerable.Range(1, (int)length).Select(end => (0, end))];

    private static void ForHeads(long count, long length, long head, bool backward, Action<AttentionBlocks, long> body)
    {
        int chunks = ParallelLoop.Chunks(count, 1);
        ParallelLoop.For(chunks, chunk =>
        {
            var (first, last) = ParallelLoop.Range(count, chunks, chunk);
            using var blocks = new AttentionBlocks(length, length, head, backward);
            for (long index = first; index < last; index++) body(blocks, index);
        });
    }

    /// <summary>One head's queries, keys and values out of a sequence's rows of 3C, with their biases.</summary>
    private static void ReadHead<E>(AttentionBlocks blocks, byte* rows, byte* bias, long h, long length, long width, long head) where E : struct, IElement
    {
        long column = h * head * E.Size, part = width * E.Size;
        HeadRows.Read<E>(rows + column, bias + column, blocks.Queries, length, head, 3 * width, 1 / MathF.Sqrt(head));
        HeadRows.Read<E>(rows + part + column, bias + part + column, blocks.Keys, length, head, 3 * width, 1);
        HeadRows.Read<E>(rows + 2 * part + column, bias + 2 * part + column, blocks.Values, length, head, 3 * width, 1);
    }
}

// H query heads, G key-value heads, D width of a head, N rows of queries, M rows of keys
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Attention of every sequence and head in <see cref="AttentionBlocks"/>: weights are never kept, padding never computed.</summary>
internal sealed unsafe class PackedAttention : autograd.SingleTensorFunction<PackedAttention>
{
    public override string Name => nameof(Attention);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (query, key, value) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2]);
        var work = new Work((PackedSequences)vars[3], (PackedSequences)vars[4], (AttentionMask)vars[5], (int)vars[6], (int)vars[7], query.size(1) / (int)vars[6], (float)(double)vars[8]);
        // What has no keys is not computed.
        Tensor y = work.HasEmpty ? zeros_like(query) : empty_like(query), logSums = empty([work.Heads, query.size(0)]);   // (N, H·D), (H, N)
        if (query.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(work, query, key, value, y, logSums);
        else Forward<Float32Element>(work, query, key, value, y, logSums);
        ctx.save_for_backward([query, key, value, logSums]);
        ctx.save_data("work", work);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        List<Tensor> saved = ctx.get_saved_variables();
        var work = (Work)ctx.get_data("work");
        using Tensor dy = grad_output.contiguous();
        Tensor[] gradients = [.. saved.Take(3).Select(t => work.HasEmpty ? zeros_like(t) : empty_like(t))];
        if (dy.dtype == ScalarType.BFloat16) Backward<BFloat16Element>(work, saved, dy, gradients);
        else Backward<Float32Element>(work, saved, dy, gradients);
        return [.. gradients, null!, null!, null!, null!, null!, null!];
    }

    private static void Forward<E>(Work work, Tensor query, Tensor key, Tensor value, Tensor y, Tensor logSums) where E : struct, IElement
    {
        byte* q = TensorMemory.Address(query), k = TensorMemory.Address(key), v = TensorMemory.Address(value), to = TensorMemory.Address(y);
        var sums = (float*)TensorMemory.Address(logSums);
        long rows = query.size(0);
        work.ForHeads(backward: false, (blocks, b, g, intervals) =>
        {
            ReadKeys<E>(work, blocks, b, g, k, v);
            for (int h = g * work.Group; h < (g + 1) * work.Group; h++)
            {
                long at = work.QueryAt(b, h) * E.Size;
                HeadRows.Read<E>(q + at, null, blocks.Queries, work.Queries.Lengths[b], work.Head, work.QueryWidth, work.Scale);
                blocks.Forward(intervals, sums + h * rows + work.Queries.Starts[b]);
                HeadRows.Write<E>(blocks.Results, to + at, work.Queries.Lengths[b], work.Head, work.QueryWidth, 1, null);
            }
        });
    }

    private static void Backward<E>(Work work, List<Tensor> saved, Tensor dy, Tensor[] gradients) where E : struct, IElement
    {
        byte* q = TensorMemory.Address(saved[0]), k = TensorMemory.Address(saved[1]), v = TensorMemory.Address(saved[2]), grad = TensorMemory.Address(dy);
        byte* dq = TensorMemory.Address(gradients[0]), dk = TensorMemory.Address(gradients[1]), dv = TensorMemory.Address(gradients[2]);
        var sums = (float*)TensorMemory.Address(saved[3]);
        long rows = saved[0].size(0);
        work.ForHeads(backward: true, (blocks, b, g, intervals) =>
        {
            ReadKeys<E>(work, blocks, b, g, k, v);
            blocks.ClearKeyGrads();
            for (int h = g * work.Group; h < (g + 1) * work.Group; h++)
            {
                long at = work.QueryAt(b, h) * E.Size;
                HeadRows.Read<E>(q + at, null, blocks.Queries, work.Queries.Lengths[b], work.Head, work.QueryWidth, work.Scale);
                HeadRows.Read<E>(grad + at, null, blocks.Results, work.Queries.Lengths[b], work.Head, work.QueryWidth, 1);
                blocks.Backward(intervals, sums + h * rows + work.Queries.Starts[b]);
                HeadRows.Write<E>(blocks.QueryGrads, dq + at, work.Queries.Lengths[b], work.Head, work.QueryWidth, work.Scale, null);
            }
            long key = work.KeyAt(b, g) * E.Size;
            HeadRows.Write<E>(blocks.KeyGrads, dk + key, work.Keys.Lengths[b], work.Head, work.KeyWidth, 1, null);
            HeadRows.Write<E>(blocks.ValueGrads, dv + key, work.Keys.Lengths[b], work.Head, work.KeyWidth, 1, null);
        });
    }

    private static void ReadKeys<E>(Work work, AttentionBlocks blocks, int b, int g, byte* k, byte* v) where E : struct, IElement
    {
        long at = work.KeyAt(b, g) * E.Size;
        HeadRows.Read<E>(k + at, null, blocks.Keys, work.Keys.Lengths[b], work.Head, work.KeyWidth, 1);
        HeadRows.Read<E>(v + at, null, blocks.Values, work.Keys.Lengths[b], work.Head, work.KeyWidth, 1);
    }

    /// <summary>What is to be computed: every sequence, and in it every key-value head with the query heads that share it.</summary>
    private sealed class Work(PackedSequences queries, PackedSequences keys, AttentionMask mask, int heads, int keyValueHeads, long head, float scale)
    {
        internal readonly PackedSequences Queries = queries, Keys = keys;
        internal readonly int Heads = heads, Group = heads / keyValueHeads;
        internal readonly long Head = head, QueryWidth = heads * head, KeyWidth = keyValueHeads * head;
        internal readonly float Scale = scale;

        internal bool HasEmpty => Queries.Lengths.Contains(0) || Keys.Lengths.Contains(0);

        /// <summary>The first element of a head of a sequence.</summary>
        internal long QueryAt(int b, int h) => Queries.Starts[b] * QueryWidth + h * Head;

        internal long KeyAt(int b, int g) => Keys.Starts[b] * KeyWidth + g * Head;

        internal void ForHeads(bool backward, Action<AttentionBlocks, int, int, (int, int)[]> body)
        {
            var intervals = new (int, int)[Queries.Count][];
            for (int b = 0; b < intervals.Length; b++)
            {
                bool same = b > 0 && mask.IsUniform && Queries.Lengths[b] == Queries.Lengths[b - 1] && Keys.Lengths[b] == Keys.Lengths[b - 1];
                intervals[b] = same ? intervals[b - 1] : mask.Intervals(b, Queries.Lengths[b], Keys.Lengths[b]);
            }
            int heads = Heads / Group, chunks = ParallelLoop.Chunks((long)Queries.Count * heads, 1);
            ParallelLoop.For(chunks, chunk =>
            {
                var (first, last) = ParallelLoop.Range((long)Queries.Count * heads, chunks, chunk);
                AttentionBlocks? blocks = null;
                try
                {
                    int current = -1;
                    for (long index = first; index < last; index++)
                    {
                        int b = (int)(index / heads);
                        if (Queries.Lengths[b] == 0 || Keys.Lengths[b] == 0) continue;
                        if (b != current && (blocks is null || Queries.Lengths[b] != Queries.Lengths[current] || Keys.Lengths[b] != Keys.Lengths[current]))
                        {
                            blocks?.Dispose();
                            blocks = new AttentionBlocks(Queries.Lengths[b], Keys.Lengths[b], Head, backward);
                        }
                        current = b;
                        body(blocks!, b, (int)(index % heads), intervals[b]);
                    }
                }
                finally
                {
                    blocks?.Dispose();
                }
            });
        }
    }
}

// H query heads, G key-value heads, D width of a head, N rows of queries, M rows of keys, T longest queries, S longest keys
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>Attention of every sequence and head in <see cref="AttentionBlocks"/>: weights and what is dropped of them are never kept, padding never computed.</summary>
internal sealed unsafe class PackedAttention : autograd.SingleTensorFunction<PackedAttention>
{
    public override string Name => nameof(Attention);

    public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
    {
        var (query, key, value, bias) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], (Tensor?)vars[3]);   // the bias is (1, H, T, S)
        var work = new Work((PackedSequences)vars[4], (PackedSequences)vars[5], (AttentionMask)vars[6], (int)vars[7], (int)vars[8], query.size(1) / (int)vars[7], (float)(double)vars[9], (DropoutMask?)vars[10], bias is { requires_grad: true });
        // What has no keys is not computed.
        Tensor y = work.HasEmpty ? zeros_like(query) : empty_like(query), logSums = empty([work.Heads, query.size(0)]);   // (N, H·D), (H, N)
        if (query.dtype == ScalarType.BFloat16) Forward<BFloat16Element>(work, query, key, value, bias, y, logSums);
        else Forward<Float32Element>(work, query, key, value, bias, y, logSums);
        ctx.save_for_backward(bias is null ? [query, key, value, logSums] : [query, key, value, logSums, bias]);
        ctx.save_data("work", work);
        return y;
    }

    public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
    {
        List<Tensor> saved = ctx.get_saved_variables();
        var work = (Work)ctx.get_data("work");
        using Tensor dy = grad_output.contiguous();
        Tensor[] gradients = [.. saved.Take(3).Select(t => work.HasEmpty ? zeros_like(t) : empty_like(t))];
        Tensor? dbias = work.WantsBiasGradient ? zeros_like(saved[4]) : null;
        if (dy.dtype == ScalarType.BFloat16) Backward<BFloat16Element>(work, saved, dy, gradients, dbias);
        else Backward<Float32Element>(work, saved, dy, gradients, dbias);
        return [.. gradients, dbias!, null!, null!, null!, null!, null!, null!, null!];
    }

    private static void Forward<E>(Work work, Tensor query, Tensor key, Tensor value, Tensor? bias, Tensor y, Tensor logSums) where E : struct, IElement
    {
        byte* q = TensorMemory.Address(query), k = TensorMemory.Address(key), v = TensorMemory.Address(value), to = TensorMemory.Address(y);
        float* sums = (float*)TensorMemory.Address(logSums), shared = bias is null ? null : (float*)TensorMemory.Address(bias);
        long rows = query.size(0);
        work.ForHeads(backward: false, (blocks, b, g, intervals) =>
        {
            ReadKeys<E>(work, blocks, b, g, k, v);
            for (int h = g * work.Group; h < (g + 1) * work.Group; h++)
            {
                long at = work.QueryAt(b, h) * E.Size;
                HeadRows.Read<E>(q + at, null, blocks.Queries, work.Queries.Lengths[b], work.Head, work.QueryWidth, work.Scale);
                blocks.Forward(intervals, sums + h * rows + work.Queries.Starts[b], work.BiasOf(shared, h), work.Keys.MaxLength, work.MasksOf(b, h));
                HeadRows.Write<E>(blocks.Results, to + at, work.Queries.Lengths[b], work.Head, work.QueryWidth, 1, null);
            }
        });
    }

    private static void Backward<E>(Work work, List<Tensor> saved, Tensor dy, Tensor[] gradients, Tensor? dbias) where E : struct, IElement
    {
        byte* q = TensorMemory.Address(saved[0]), k = TensorMemory.Address(saved[1]), v = TensorMemory.Address(saved[2]), grad = TensorMemory.Address(dy);
        byte* dq = TensorMemory.Address(gradients[0]), dk = TensorMemory.Address(gradients[1]), dv = TensorMemory.Address(gradients[2]);
        float* sums = (float*)TensorMemory.Address(saved[3]), shared = saved.Count == 4 ? null : (float*)TensorMemory.Address(saved[4]), dshared = dbias is null ? null : (float*)TensorMemory.Address(dbias);
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
                blocks.Backward(intervals, sums + h * rows + work.Queries.Starts[b], work.BiasOf(shared, h), work.BiasOf(dshared, h), work.Keys.MaxLength, work.MasksOf(b, h));
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
    private sealed class Work(PackedSequences queries, PackedSequences keys, AttentionMask mask, int heads, int keyValueHeads, long head, float scale, DropoutMask? dropout, bool wantsBiasGradient)
    {
        internal readonly PackedSequences Queries = queries, Keys = keys;
        internal readonly int Heads = heads, Group = heads / keyValueHeads;
        internal readonly long Head = head, QueryWidth = heads * head, KeyWidth = keyValueHeads * head;
        internal readonly float Scale = scale;
        internal readonly bool WantsBiasGradient = wantsBiasGradient;

        internal bool HasEmpty => Queries.Lengths.Contains(0) || Keys.Lengths.Contains(0);

        /// <summary>The first element of a head of a sequence.</summary>
        internal long QueryAt(int b, int h) => Queries.Starts[b] * QueryWidth + h * Head;

        internal long KeyAt(int b, int g) => Keys.Starts[b] * KeyWidth + g * Head;

        /// <summary>The scores' bias of a head, (T, S).</summary>
        internal float* BiasOf(float* bias, int h) => bias == null ? null : bias + (long)h * Queries.MaxLength * Keys.MaxLength;

        /// <summary>The first block of numbers of a head's mask.</summary>
        internal ulong MasksOf(int b, int h) => (ulong)(((long)b * Heads + h) * Queries.MaxLength * AttentionBlocks.MaskBlocks(Keys.MaxLength));

        internal void ForHeads(bool backward, Action<AttentionBlocks, int, int, (int, int)[]> body)
        {
            var intervals = new (int, int)[Queries.Count][];
            for (int b = 0; b < intervals.Length; b++)
            {
                bool same = b > 0 && mask.IsUniform && Queries.Lengths[b] == Queries.Lengths[b - 1] && Keys.Lengths[b] == Keys.Lengths[b - 1];
                intervals[b] = same ? intervals[b - 1] : mask.Intervals(b, Queries.Lengths[b], Keys.Lengths[b]);
            }
            // The gradient of a bias is the sum over sequences: one thread adds up that of a head.
            bool byHead = backward && WantsBiasGradient;
            int heads = Heads / Group, chunks = ParallelLoop.Chunks(byHead ? heads : (long)Queries.Count * heads, 1);
            ParallelLoop.For(chunks, chunk =>
            {
                var (first, last) = ParallelLoop.Range(byHead ? heads : (long)Queries.Count * heads, chunks, chunk);
                if (byHead) (first, last) = (first * Queries.Count, last * Queries.Count);
                AttentionBlocks? blocks = null;
                try
                {
                    int current = -1;
                    for (long index = first; index < last; index++)
                    {
                        int b = (int)(byHead ? index % Queries.Count : index / heads), g = (int)(byHead ? index / Queries.Count : index % heads);
                        if (Queries.Lengths[b] == 0 || Keys.Lengths[b] == 0) continue;
                        if (b != current && (blocks is null || Queries.Lengths[b] != Queries.Lengths[current] || Keys.Lengths[b] != Keys.Lengths[current]))
                        {
                            blocks?.Dispose();
                            blocks = new AttentionBlocks(Queries.Lengths[b], Keys.Lengths[b], Head, backward, dropout);
                        }
                        current = b;
                        body(blocks!, b, g, intervals[b]);
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

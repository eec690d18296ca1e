// B sequences, H query heads, G key-value heads, S tokens in all, D width of a head
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;
using TensorPrimitives = System.Numerics.Tensors.TensorPrimitives;

namespace PreTrain.Modules;

/// <summary>
/// Attention of one new token of each sequence to those in a cache: in torch's operators it is twenty calls over little memory, here it is one pass. Scores and
/// sums are in 32 bits.
/// </summary>
internal static unsafe class NextTokenAttention
{
    private const int Width = 16;                // elements of a vector
    private const long ParallelWork = 1 << 18;   // products that are worth waking other threads

    /// <summary>Whether it is computed here: one token, without gradients, in the kernels' types.</summary>
    internal static bool Fits(Tensor query, Tensor keys, Tensor values) =>
        is_inference_mode_enabled() && query.size(2) == 1 && query.size(3) % Width == 0 && TensorMemory.HasKernelsFor(query) && TensorMemory.HasKernelsFor(keys)
        && keys.dtype == query.dtype && values.dtype == query.dtype && IsInRows(keys) && IsInRows(values) && keys.size(2) > 0;

    /// <summary>Attends.</summary>
    /// <param name="query">(B, H, 1, D).</param>
    /// <param name="keys">(B, G, S, D).</param>
    /// <param name="values">(B, G, S, D).</param>
    /// <param name="scale">What scores are multiplied with.</param>
    /// <param name="first">The first key that a sequence's token sees, (B), or null for 0.</param>
    /// <returns>(B, H·D).</returns>
    internal static Tensor Apply(Tensor query, Tensor keys, Tensor values, double scale, ReadOnlySpan<int> first)
    {
        using Tensor rows = query.to(ScalarType.Float32).contiguous();
        Tensor y = empty([query.size(0), query.size(1) * query.size(3)], dtype: query.dtype);
        int[] begins = first.IsEmpty ? new int[query.size(0)] : first.ToArray();
        if (query.dtype == ScalarType.BFloat16) Attend<BFloat16Element>(rows, keys, values, (float)scale, begins, y);
        else Attend<Float32Element>(rows, keys, values, (float)scale, begins, y);
        return y;
    }

    private static bool IsInRows(Tensor t) => t.stride(3) == 1 && t.stride(2) == t.size(3);

    private static void Attend<E>(Tensor query, Tensor keys, Tensor values, float scale, int[] begins, Tensor y) where E : struct, IElement
    {
        long batch = query.size(0), heads = query.size(1), head = query.size(3), group = heads / keys.size(1), all = keys.size(2);
        byte* pk = TensorMemory.AddressOfView(keys), pv = TensorMemory.AddressOfView(values), py = TensorMemory.Address(y);
        var pq = (float*)TensorMemory.Address(query);
        long keyRow = keys.stride(0), keyHead = keys.stride(1), valueRow = values.stride(0), valueHead = values.stride(1);
        int count = checked((int)(batch * heads)), chunks = count * all * head < ParallelWork ? 1 : Math.Min(count, 64);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(count, chunks, chunk);
            float[] scores = new float[all];
            float* sums = stackalloc float[(int)head];
            for (long i = from; i < to; i++)
            {
                long b = i / heads, shared = i % heads / group, begin = begins[b];
                float* q = pq + i * head;
                byte* k = pk + (b * keyRow + shared * keyHead) * E.Size, v = pv + (b * valueRow + shared * valueHead) * E.Size;
                for (long s = begin; s < all; s++)
                {
                    byte* row = k + s * head * E.Size;
                    Vector512<float> sum = Vector512<float>.Zero;
                    for (long d = 0; d < head; d += Width) sum = Vector512.FusedMultiplyAdd(E.Load(row + d * E.Size), Vector512.Load(q + d), sum);
                    scores[s] = Vector512.Sum(sum) * scale;
                }
                Span<float> seen = scores.AsSpan((int)begin);
                TensorPrimitives.SoftMax(seen, seen);
                new Span<float>(sums, (int)head).Clear();
                for (long s = begin; s < all; s++)
                {
                    byte* row = v + s * head * E.Size;
                    Vector512<float> weight = Vector512.Create(scores[s]);
                    for (long d = 0; d < head; d += Width) Vector512.FusedMultiplyAdd(E.Load(row + d * E.Size), weight, Vector512.Load(sums + d)).Store(sums + d);
                }
                byte* target = py + i * head * E.Size;
                for (long d = 0; d < head; d += Width) E.Store(target + d * E.Size, Vector512.Load(sums + d));
            }
        });
    }
}

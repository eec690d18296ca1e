// Of one head: T queries, S keys, D columns
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using PreTrain.Torch.Cpu;

namespace PreTrain.Modules;

/// <summary>
/// Attention of one head in 32 bits on one thread, a block of queries at a time, so that scores live in a core's cache only (Dao et al. 2022,
/// with whole rows of scores, which makes the running rescaling unnecessary). Each query sees one interval of keys: causal, padded, windowed,
/// prefix and packed batches are all such intervals, and what lies outside a block's intervals is not computed.
/// </summary>
/// <remarks>An instance owns the memory it works in, and serves one head after another.</remarks>
internal sealed unsafe class AttentionBlocks : IDisposable
{
    private const long BlockRows = 64;
    private const long Alignment = 16;   // floats of a register
    private readonly long _queries, _keys, _head, _stride;
    private readonly float* _memory;
    private readonly float* _keysTransposed, _valuesTransposed, _scores, _grads;
    private readonly uint* _kept;
    private readonly DropoutMask? _dropout;

    /// <summary>Takes the memory for heads of this size.</summary>
    /// <param name="queries">T.</param>
    /// <param name="keys">S.</param>
    /// <param name="head">D, a multiple of 16.</param>
    /// <param name="backward">Whether <see cref="Backward"/> is to be called, and not <see cref="Forward"/>.</param>
    /// <param name="dropout">Which weights are dropped; null for none. A row of scores has <see cref="MaskBlocks"/> blocks of numbers.</param>
    internal AttentionBlocks(long queries, long keys, long head, bool backward, DropoutMask? dropout = null)
    {
        (_queries, _keys, _head, _dropout) = (queries, keys, head, dropout);
        long padded = Round(keys);
        _stride = padded + Alignment;   // rows at a power of two would share cache sets
        long rows = Math.Min(BlockRows, queries), query = queries * head, key = padded * head, transposed = head * _stride, block = rows * _stride;
        long bits = dropout is null ? 0 : Round(MaskBlocks(keys));
        long total = 2 * query + 2 * key + transposed + block + bits + (backward ? query + 2 * key + transposed + block : 0);
        _memory = (float*)NativeMemory.AlignedAlloc((nuint)(total * sizeof(float)), 64);
        float* next = _memory;
        Queries = Take(query);
        Results = Take(query);
        Keys = Take(key);
        Values = Take(key);
        _keysTransposed = Take(transposed);
        _scores = Take(block);
        _kept = (uint*)Take(bits);
        if (!backward) return;
        QueryGrads = Take(query);
        KeyGrads = Take(key);
        ValueGrads = Take(key);
        _valuesTransposed = Take(transposed);
        _grads = Take(block);

        float* Take(long count)
        {
            float* taken = next;
            next += count;
            return taken;
        }
    }

    /// <summary>The scaled queries, (T, D), for the caller to fill in.</summary>
    internal float* Queries { get; }

    /// <summary>(S, D), likewise.</summary>
    internal float* Keys { get; }

    /// <summary>(S, D), likewise.</summary>
    internal float* Values { get; }

    /// <summary>What <see cref="Forward"/> computes, and the gradient of it that <see cref="Backward"/> starts from, (T, D).</summary>
    internal float* Results { get; }

    /// <summary>The gradient of <see cref="Queries"/>, (T, D).</summary>
    internal float* QueryGrads { get; }

    /// <summary>The gradient of <see cref="Keys"/>, (S, D).</summary>
    internal float* KeyGrads { get; }

    /// <summary>The gradient of <see cref="Values"/>, (S, D).</summary>
    internal float* ValueGrads { get; }

    /// <summary>softmax(Q·Kᵀ)·V over each query's interval.</summary>
    /// <param name="intervals">For each query the first key it sees and the one after the last, (T, 2). A query that sees none gives 0.</param>
    /// <param name="logSums">ln Σ eˢ of each query, (T).</param>
    /// <param name="bias">Added to the scores, (T, S) with rows <paramref name="biasStride"/> apart; null for none.</param>
    /// <param name="biasStride">The distance of two rows of it.</param>
    /// <param name="masks">The first block of numbers of the head's mask.</param>
    [MethodImpl(ParallelLoop.Hot)]
    internal void Forward(ReadOnlySpan<(int First, int End)> intervals, float* logSums, float* bias = null, long biasStride = 0, ulong masks = 0)
    {
        TransposeRows(Keys, _keysTransposed);
        float* inverses = stackalloc float[(int)BlockRows];
        for (long from = 0; from < _queries; from += BlockRows)
        {
            long rows = Math.Min(BlockRows, _queries - from);
            var (low, high) = Bounds(intervals.Slice((int)from, (int)rows));
            float* results = Results + from * _head;
            if (low == high)
            {
                new Span<float>(results, (int)(rows * _head)).Clear();
                new Span<float>(logSums + from, (int)rows).Clear();
                continue;
            }
            BlockProduct.Multiply(rows, Round(high) - low, _head, Queries + from * _head, _head, 1, _keysTransposed + low, _stride, _scores, _stride, add: false);
            for (long r = 0; r < rows; r++)
            {
                var (first, end) = intervals[(int)(from + r)];
                if (bias != null) Add(_scores + r * _stride, bias + (from + r) * biasStride + low, high - low);
                float sum = Exponentials(_scores + r * _stride, first - low, end - low, Round(high) - low, out float top);
                inverses[r] = sum == 0 ? 0 : 1 / sum;
                logSums[from + r] = sum == 0 ? 0 : top + MathF.Log(sum);
                if (_dropout is not null) Drop(_scores + r * _stride, low, high, Draw(masks, from + r, low, high));
            }
            BlockProduct.Multiply(rows, _head, high - low, _scores, _stride, 1, Values + low * _head, _head, results, _head, add: false);
            for (long r = 0; r < rows; r++)
            {
                Vector512<float> inverse = Vector512.Create(inverses[r]);
                for (long d = 0; d < _head; d += Alignment) (Vector512.Load(results + r * _head + d) * inverse).Store(results + r * _head + d);
            }
        }
    }

    /// <summary>Sets <see cref="KeyGrads"/> and <see cref="ValueGrads"/> to zero, before the first head that shares them.</summary>
    internal void ClearKeyGrads()
    {
        new Span<float>(KeyGrads, (int)(_keys * _head)).Clear();
        new Span<float>(ValueGrads, (int)(_keys * _head)).Clear();
    }

    /// <summary>The gradients, from that of the result in <see cref="Results"/>; those of keys and values are added to what is there.</summary>
    /// <param name="intervals">As in <see cref="Forward"/>.</param>
    /// <param name="logSums">What <see cref="Forward"/> gave.</param>
    /// <param name="bias">As in <see cref="Forward"/>.</param>
    /// <param name="biasGrads">Where the bias's gradient is added to; null where it is not wanted.</param>
    /// <param name="biasStride">The distance of two rows of both.</param>
    /// <param name="masks">As in <see cref="Forward"/>.</param>
    [MethodImpl(ParallelLoop.Hot)]
    internal void Backward(ReadOnlySpan<(int First, int End)> intervals, float* logSums, float* bias = null, float* biasGrads = null, long biasStride = 0, ulong masks = 0)
    {
        TransposeRows(Keys, _keysTransposed);
        TransposeRows(Values, _valuesTransposed);
        for (long from = 0; from < _queries; from += BlockRows)
        {
            long rows = Math.Min(BlockRows, _queries - from);
            var (low, high) = Bounds(intervals.Slice((int)from, (int)rows));
            float* queries = Queries + from * _head, dresults = Results + from * _head, dqueries = QueryGrads + from * _head;
            if (low == high)
            {
                new Span<float>(dqueries, (int)(rows * _head)).Clear();
                continue;
            }
            long width = Round(high) - low, seen = high - low;
            BlockProduct.Multiply(rows, width, _head, queries, _head, 1, _keysTransposed + low, _stride, _scores, _stride, add: false);
            BlockProduct.Multiply(rows, width, _head, dresults, _head, 1, _valuesTransposed + low, _stride, _grads, _stride, add: false);
            for (long r = 0; r < rows; r++)
            {
                var (first, end) = intervals[(int)(from + r)];
                float* scores = _scores + r * _stride, grads = _grads + r * _stride;
                if (bias != null) Add(scores, bias + (from + r) * biasStride + low, seen);
                if (_dropout is null) ScoreGrads(scores, grads, first - low, end - low, width, logSums[from + r]);
                else DroppedScoreGrads(scores, grads, low, first - low, end - low, width, logSums[from + r], Draw(masks, from + r, low, high));
                if (biasGrads != null) Add(biasGrads + (from + r) * biasStride + low, grads, seen);
            }
            BlockProduct.Multiply(seen, _head, rows, _scores, 1, _stride, dresults, _head, ValueGrads + low * _head, _head, add: true);
            BlockProduct.Multiply(seen, _head, rows, _grads, 1, _stride, queries, _head, KeyGrads + low * _head, _head, add: true);
            BlockProduct.Multiply(rows, _head, seen, _grads, _stride, 1, Keys + low * _head, _head, dqueries, _head, add: false);
        }
    }

    /// <summary>The blocks of numbers that the mask of a row of scores takes.</summary>
    internal static long MaskBlocks(long keys) => (keys + Philox.BlockSize - 1) / Philox.BlockSize;

    /// <summary>Gives the memory back.</summary>
    public void Dispose() => NativeMemory.AlignedFree(_memory);

    private static long Round(long count) => (count + Alignment - 1) / Alignment * Alignment;

    /// <summary>The keys that a block's queries see, from a whole register on.</summary>
    private static (long Low, long High) Bounds(ReadOnlySpan<(int First, int End)> intervals)
    {
        int low = int.MaxValue, high = 0;
        foreach (var (first, end) in intervals)
        {
            if (first >= end) continue;
            (low, high) = (Math.Min(low, first), Math.Max(high, end));
        }
        return high == 0 ? (0, 0) : (low / Alignment * Alignment, high);
    }

    /// <summary>(S, D) → (D, S), with zeros after the last key.</summary>
    private void TransposeRows(float* rows, float* transposed)
    {
        long whole = Round(_keys);
        new Span<float>(rows + _keys * _head, (int)((whole - _keys) * _head)).Clear();
        BlockProduct.Transpose(whole, _head, rows, _head, transposed, _stride);
    }

    /// <summary>Adds a row to another.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Add(float* to, float* row, long count)
    {
        long whole = count & ~(Alignment - 1);
        for (long j = 0; j < whole; j += Alignment) (Vector512.Load(to + j) + Vector512.Load(row + j)).Store(to + j);
        for (long j = whole; j < count; j++) to[j] += row[j];
    }

    /// <summary>Draws what a row of weights keeps, a bit for each key, from the block of <paramref name="low"/> on.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private uint* Draw(ulong masks, long row, long low, long high)
    {
        ulong blocks = masks + (ulong)(row * MaskBlocks(_keys));
        (ulong key, uint threshold) = (_dropout!.Key, _dropout.Threshold);
        for (long block = low / Philox.BlockSize; block < MaskBlocks(high); block++) _kept[block] = Philox.AtLeast(key, blocks + (ulong)block, threshold);
        return _kept;
    }

    /// <summary>The factors of 16 weights, from key <paramref name="at"/> on, which is a multiple of 16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Factors(uint* kept, long at, Vector512<float> scale) => DropoutMask.Select(kept[at / Philox.BlockSize] >> (int)(at % Philox.BlockSize), scale);

    /// <summary>Drops weights of a row whose first is that of key <paramref name="low"/>.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private void Drop(float* row, long low, long high, uint* kept)
    {
        Vector512<float> scale = Vector512.Create(_dropout!.Scale);
        for (long j = 0; j < high - low; j += Alignment) (Vector512.Load(row + j) * Factors(kept, low + j, scale)).Store(row + j);
    }

    /// <summary>The lanes of the register at <paramref name="at"/> that lie in an interval.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Inside(long at, long first, long end)
    {
        Vector512<int> lanes = Vector512<int>.Indices + Vector512.Create((int)at);
        return (Vector512.GreaterThanOrEqual(lanes, Vector512.Create((int)first)) & Vector512.LessThan(lanes, Vector512.Create((int)end))).AsSingle();
    }

    /// <summary>eˢ⁻ᵐᵃˣ in an interval of a row and zeros outside, in place.</summary>
    /// <returns>Their sum; 0 for an empty interval.</returns>
    [MethodImpl(ParallelLoop.Hot)]
    private static float Exponentials(float* row, long first, long end, long width, out float max)
    {
        max = 0;
        if (first >= end)
        {
            new Span<float>(row, (int)width).Clear();
            return 0;
        }
        long start = first & ~(Alignment - 1), stop = Round(end), lastWhole = end & ~(Alignment - 1);
        Vector512<float> lowest = Vector512.Create(float.NegativeInfinity), top = lowest;
        for (long j = start; j < stop; j += Alignment)
        {
            Vector512<float> s = Vector512.Load(row + j);
            if (j < first || j >= lastWhole) s = Vector512.ConditionalSelect(Inside(j, first, end), s, lowest);
            top = Vector512.MaxNative(top, s);
        }
        max = VectorMath.Max(top);

        Vector512<float> shift = Vector512.Create(max), total = Vector512<float>.Zero;
        for (long j = start; j < stop; j += Alignment)
        {
            Vector512<float> e = VectorMath.Exp(Vector512.Load(row + j) - shift);
            if (j < first || j >= lastWhole) e &= Inside(j, first, end);
            total += e;
            e.Store(row + j);
        }
        new Span<float>(row, (int)start).Clear();
        new Span<float>(row + stop, (int)(width - stop)).Clear();
        return Vector512.Sum(total);
    }

    /// <summary>P = eˢ⁻ˡ in place of the scores, and P ∘ (dP − Σ P dP) in place of dP; zeros outside the interval.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void ScoreGrads(float* scores, float* grads, long first, long end, long width, float logSum)
    {
        if (first >= end)
        {
            new Span<float>(scores, (int)width).Clear();
            new Span<float>(grads, (int)width).Clear();
            return;
        }
        long start = first & ~(Alignment - 1), stop = Round(end), lastWhole = end & ~(Alignment - 1);
        Vector512<float> shift = Vector512.Create(logSum), total = Vector512<float>.Zero;
        for (long j = start; j < stop; j += Alignment)
        {
            Vector512<float> p = VectorMath.Exp(Vector512.Load(scores + j) - shift), d = Vector512.Load(grads + j);
            if (j < first || j >= lastWhole)
            {
                Vector512<float> inside = Inside(j, first, end);
                p &= inside;
                d &= inside;
                d.Store(grads + j);
            }
            p.Store(scores + j);
            total = Vector512.FusedMultiplyAdd(p, d, total);
        }
        Vector512<float> mean = Vector512.Create(Vector512.Sum(total));
        for (long j = start; j < stop; j += Alignment) (Vector512.Load(scores + j) * (Vector512.Load(grads + j) - mean)).Store(grads + j);
        new Span<float>(scores, (int)start).Clear();
        new Span<float>(grads, (int)start).Clear();
        new Span<float>(scores + stop, (int)(width - stop)).Clear();
        new Span<float>(grads + stop, (int)(width - stop)).Clear();
    }

    /// <summary>With D the factors of dropout: P ∘ D in place of the scores, and P ∘ (D ∘ dP − Σ P D dP) in place of dP; zeros outside the interval.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private void DroppedScoreGrads(float* scores, float* grads, long low, long first, long end, long width, float logSum, uint* kept)
    {
        if (first >= end)
        {
            new Span<float>(scores, (int)width).Clear();
            new Span<float>(grads, (int)width).Clear();
            return;
        }
        long start = first & ~(Alignment - 1), stop = Round(end), lastWhole = end & ~(Alignment - 1);
        Vector512<float> shift = Vector512.Create(logSum), total = Vector512<float>.Zero, scale = Vector512.Create(_dropout!.Scale);
        for (long j = start; j < stop; j += Alignment)
        {
            Vector512<float> p = VectorMath.Exp(Vector512.Load(scores + j) - shift), d = Vector512.Load(grads + j) * Factors(kept, low + j, scale);
            if (j < first || j >= lastWhole)
            {
                Vector512<float> inside = Inside(j, first, end);
                p &= inside;
                d &= inside;
            }
            p.Store(scores + j);
            d.Store(grads + j);
            total = Vector512.FusedMultiplyAdd(p, d, total);
        }
        Vector512<float> mean = Vector512.Create(Vector512.Sum(total));
        for (long j = start; j < stop; j += Alignment)
        {
            Vector512<float> p = Vector512.Load(scores + j);
            (p * (Vector512.Load(grads + j) - mean)).Store(grads + j);
            (p * Factors(kept, low + j, scale)).Store(scores + j);
        }
        new Span<float>(scores, (int)start).Clear();
        new Span<float>(grads, (int)start).Clear();
        new Span<float>(scores + stop, (int)(width - stop)).Clear();
        new Span<float>(grads + stop, (int)(width - stop)).Clear();
    }
}

// M rows, N columns, K the axis that is summed over
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Products of bfloat16 matrices on the processor's matrix unit. The right side is copied into tiles block by block, each as large as a core's second cache holds beside the rest; then every
/// 32 rows of the left side meet the whole block. Sums are of 32 bits, in the order of K, and rounded once, on any number of threads.
/// </summary>
internal static unsafe class TileProduct
{
    private const long BlockBytes = 5 << 18;   // of B, in tiles
    private const int Run = 16;                // steps of A's rows that fit a core's first cache beside those of B

    /// <summary>Whether the product of these, and of their transposes, is computed here: of matrices with contiguous rows, and large enough.</summary>
    internal static bool Fits(Tensor a, Tensor b) =>
        MatrixUnit.IsSupported && a.dtype == ScalarType.BFloat16 && b.dtype == ScalarType.BFloat16 && a.ndim == 2 && b.ndim == 2 && a.device_type == DeviceType.CPU && b.device_type == DeviceType.CPU
        && a.size(0) >= 64 && a.size(1) >= 32 && b.size(0) >= 32 && b.size(1) >= 32 && a.is_contiguous() && b.is_contiguous();

    /// <summary>x·Wᵀ + b.</summary>
    /// <param name="x">(M, K).</param>
    /// <param name="weight">(N, K).</param>
    /// <param name="bias">(N), or null.</param>
    /// <returns>(M, N).</returns>
    internal static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        Tensor y = empty([x.size(0), weight.size(0)], dtype: ScalarType.BFloat16);
        Multiply(Of(x), Of(weight), y.size(0), y.size(1), x.size(1), bias is null ? null : TensorMemory.Address(bias), TensorMemory.Address(y), add: false);
        return y;
    }

    /// <summary>A·B.</summary>
    /// <param name="a">(M, K).</param>
    /// <param name="b">(K, N).</param>
    /// <returns>(M, N).</returns>
    internal static Tensor Product(Tensor a, Tensor b)
    {
        Tensor y = empty([a.size(0), b.size(1)], dtype: ScalarType.BFloat16);
        Multiply(Of(a), Of(b, isInnerContiguous: false), y.size(0), y.size(1), b.size(0), null, TensorMemory.Address(y), add: false);
        return y;
    }

    /// <summary>Adds Aᵀ·B.</summary>
    /// <param name="sum">(M, N), contiguous.</param>
    /// <param name="a">(K, M).</param>
    /// <param name="b">(K, N).</param>
    internal static void AddTransposed(Tensor sum, Tensor a, Tensor b) =>
        Multiply(Of(a, isInnerContiguous: false), Of(b, isInnerContiguous: false), a.size(1), b.size(1), a.size(0), null, TensorMemory.Address(sum), add: true);

    /// <summary>Causal attention's products, head by head, of what the mask leaves: (B·H, T, D) and (B·H, T, T), where only keys up to each query's own count.</summary>
    /// <param name="a">Scores or weights, or with <see cref="Triangle.Result"/> what they come from.</param>
    /// <param name="b">(B·H, T, D).</param>
    /// <param name="triangle">Which of the three matrices has nothing above its diagonal.</param>
    /// <returns>a·bᵀ, a·b or aᵀ·b. Above the diagonal of a result its values are undefined.</returns>
    internal static Tensor Causal(Tensor a, Tensor b, Triangle triangle)
    {
        long length = b.size(1), head = b.size(2), columns = triangle == Triangle.Result ? length : head, inner = triangle == Triangle.Result ? head : length;
        Tensor y = empty([b.size(0), length, columns], dtype: ScalarType.BFloat16);
        nint pa = (nint)TensorMemory.Address(a), pb = (nint)TensorMemory.Address(b), py = (nint)TensorMemory.Address(y);
        long strips = Ceiling(length, MatrixUnit.Side), panels = Ceiling(columns, MatrixUnit.Side), allSteps = Ceiling(inner, TilePacking.Depth);
        long aRow = a.size(2) * 2, tileBytes = panels * allSteps * MatrixUnit.StepBytes, rowBytes = panels * MatrixUnit.Side * sizeof(float);
        ParallelLoop.For((int)b.size(0), [MethodImpl(ParallelLoop.Hot)] (i) =>
        {
            Matrix left = new((nint)(pa + i * length * aRow), aRow, triangle != Triangle.LeftTransposed), right = new((nint)(pb + i * length * head * 2), head * 2, triangle == Triangle.Result);
            byte* tiles = Scratch(tileBytes + Run * MatrixUnit.StepBytes + MatrixUnit.Side * rowBytes), rows = tiles + tileBytes, c = rows + Run * MatrixUnit.StepBytes, tile = tiles;
            for (long p = 0; p < panels; p++)
            {
                for (long s = 0; s < allSteps; s++, tile += MatrixUnit.StepBytes) right.PackStep(p * MatrixUnit.Side, columns, s, inner, isInnerAlong: false, tile);
            }
            for (long strip = 0; strip < strips; strip++)
            {
                // A strip of rows and a step along the other axis are both 32 places long.
                var (from, to) = triangle switch { Triangle.Result => (0, allSteps), Triangle.Left => (0, strip + 1), _ => (strip, allSteps) };
                long first = strip * MatrixUnit.Side, there = triangle == Triangle.Result ? strip + 1 : panels, count = Math.Min(there * MatrixUnit.Side, columns);
                Strip(left, first, length, from, to - from, inner, rows, tiles + from * MatrixUnit.StepBytes, there, allSteps * MatrixUnit.StepBytes, c, rowBytes, add: false);
                byte* sums = c, result = (byte*)py + (i * length + first) * columns * 2;
                for (long r = first; r < Math.Min(first + MatrixUnit.Side, length); r++, sums += rowBytes, result += columns * 2) Leave((float*)sums, null, result, count, add: false);
            }
        });
        return y;
    }

    /// <summary>Which of the matrices of a causal product has nothing above its diagonal.</summary>
    internal enum Triangle
    {
        /// <summary>The result, of a·bᵀ.</summary>
        Result,

        /// <summary>The left one, of a·b.</summary>
        Left,

        /// <summary>The left one, of aᵀ·b.</summary>
        LeftTransposed,
    }

    private readonly record struct Matrix(nint Address, long RowBytes, bool IsInnerContiguous)
    {
        /// <summary>The two tiles of a step that begin at this place of the outer axis.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void PackStep(long x, long outer, long step, long inner, bool isInnerAlong, byte* tiles)
        {
            long k = step * TilePacking.Depth, next = (IsInnerContiguous ? RowBytes : 2) * TilePacking.Lanes;
            byte* source = (byte*)Address + (IsInnerContiguous ? x * RowBytes + k * 2 : k * RowBytes + x * 2);
            TilePacking.Pack(source, RowBytes, IsInnerContiguous, outer - x, inner - k, isInnerAlong, tiles);
            TilePacking.Pack(source + next, RowBytes, IsInnerContiguous, outer - x - TilePacking.Lanes, inner - k, isInnerAlong, tiles + MatrixUnit.StepBytes / 2);
        }
    }

    /// <summary>32 rows of A times panels of B, over some steps.</summary>
    private static void Strip(Matrix a, long first, long rows, long firstStep, long steps, long inner, byte* left, byte* tiles, long panels, long panelBytes, byte* c, long rowBytes, bool add)
    {
        for (long s = 0; s < steps; s += Run)
        {
            long run = Math.Min(Run, steps - s);
            for (long i = 0; i < run; i++) a.PackStep(first, rows, firstStep + s + i, inner, isInnerAlong: true, left + i * MatrixUnit.StepBytes);
            MatrixUnit.Multiply(left, tiles + s * MatrixUnit.StepBytes, c, run, panels, panelBytes, rowBytes, add || s > 0);
        }
    }

    private static Matrix Of(Tensor t, bool isInnerContiguous = true) => new((nint)TensorMemory.Address(t), t.size(1) * 2, isInnerContiguous);

    private static void Multiply(Matrix a, Matrix b, long rows, long columns, long inner, byte* bias, byte* y, bool add)
    {
        long strips = Ceiling(rows, MatrixUnit.Side), allPanels = Ceiling(columns, MatrixUnit.Side), allSteps = Ceiling(inner, TilePacking.Depth), fitting = BlockBytes / MatrixUnit.StepBytes;
        // All of K at once where its panels are not too few then; else as many columns as there are, and K in equal parts.
        long blockSteps = allSteps * Math.Min(allPanels, 8) <= fitting ? allSteps : Ceiling(allSteps, Ceiling(allSteps * Math.Min(allPanels, 12), fitting));
        long blockPanels = Math.Clamp(fitting / blockSteps, 1, allPanels);
        bool whole = blockSteps == allSteps;
        using Tensor tiles = empty([blockSteps * blockPanels * MatrixUnit.StepBytes], dtype: ScalarType.Byte);
        using Tensor? sums = whole ? null : empty([strips * MatrixUnit.Side, blockPanels * MatrixUnit.Side], dtype: ScalarType.Float32);
        nint pTiles = (nint)TensorMemory.Address(tiles), pSums = sums is null ? 0 : (nint)TensorMemory.Address(sums);
        for (long panel = 0; panel < allPanels; panel += blockPanels)
        {
            long panels = Math.Min(blockPanels, allPanels - panel), firstPanel = panel;
            for (long step = 0; step < allSteps; step += blockSteps)
            {
                long steps = Math.Min(blockSteps, allSteps - step), firstStep = step;
                ParallelLoop.For((int)panels, [MethodImpl(ParallelLoop.Hot)] (p) =>
                {
                    byte* tile = (byte*)pTiles + p * steps * MatrixUnit.StepBytes;
                    for (long s = firstStep; s < firstStep + steps; s++)
                    {
                        b.PackStep((firstPanel + p) * MatrixUnit.Side, columns, s, inner, isInnerAlong: false, tile);
                        tile += MatrixUnit.StepBytes;
                    }
                });
                ParallelLoop.For((int)strips, [MethodImpl(ParallelLoop.Hot)] (strip) =>
                {
                    long rowBytes = panels * MatrixUnit.Side * sizeof(float), first = (long)strip * MatrixUnit.Side;
                    byte* left = Scratch(Run * MatrixUnit.StepBytes + MatrixUnit.Side * rowBytes), c = pSums != 0 ? (byte*)pSums + first * rowBytes : left + Run * MatrixUnit.StepBytes;
                    Strip(a, first, rows, firstStep, steps, inner, left, (byte*)pTiles, panels, steps * MatrixUnit.StepBytes, c, rowBytes, add: firstStep > 0);
                    if (firstStep + steps < allSteps) return;
                    long column = firstPanel * MatrixUnit.Side, count = Math.Min(panels * MatrixUnit.Side, columns - column);
                    for (long r = first; r < Math.Min(first + MatrixUnit.Side, rows); r++, c += rowBytes)
                        Leave((float*)c, bias == null ? null : bias + column * 2, y + (r * columns + column) * 2, count, add);
                });
            }
        }
    }

    /// <summary>Rounds a row of sums, with the bias or what is there already.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Leave(float* sums, byte* bias, byte* y, long count, bool add)
    {
        byte* addend = add ? y : bias;
        long n = 0;
        for (; n + 16 <= count; n += 16)
        {
            Vector512<float> v = Vector512.Load(sums + n);
            if (addend != null) v += BFloat16Element.Load(addend + n * 2);
            BFloat16Element.Store(y + n * 2, v);
        }
        for (; n < count; n++) BFloat16Element.StoreOne(y + n * 2, sums[n] + (addend == null ? 0 : BFloat16Element.LoadOne(addend + n * 2)));
    }

    [ThreadStatic] private static byte[]? s_scratch;

    /// <summary>Memory of this thread that stays where it is.</summary>
    private static byte* Scratch(long bytes)
    {
        if (s_scratch is null || s_scratch.Length < bytes + 64) s_scratch = GC.AllocateUninitializedArray<byte>((int)bytes + 64, pinned: true);
        return (byte*)(((nint)Unsafe.AsPointer(ref s_scratch[0]) + 63) & ~63);
    }

    private static long Ceiling(long a, long b) => (a + b - 1) / b;
}

// N rows, I inputs, O outputs
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// x·Wᵀ + b of bytes by bytes: the rows of x are quantized as they come, sums are whole numbers of 32 bits, and scales, zero points and bias come last (Jacob et al. 2018, section 2.2, with a
/// scale for each row or one for all, and one for each output or each group of its inputs). So a row's result depends on nothing but the row.
/// </summary>
internal static unsafe class Int8Product
{
    /// <summary>More inputs could overflow a sum: codes of rows are up to 255, and those of weights down to -128 in the files of others.</summary>
    internal const long MostInputs = int.MaxValue / (255 * 128);

    private const int TileRows = 4;
    private const int BlocksTogether = 4;        // of the matrix unit, 32 rows each
    private const int DotRows = 32;              // at once with registers of 512 bits
    private const long BlockBytes = 384 << 10;   // of rows, which stay in a core's second cache while it runs through the outputs

    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I), float32.</param>
    /// <param name="weight">8 bits.</param>
    /// <param name="bias">(O), float32, or null.</param>
    /// <returns>(N, O), float32.</returns>
    /// <param name="grid">The scale and zero point of all rows; null for those of each row.</param>
    /// <param name="isSymmetric">Whether the scale of a row reaches as far down as up.</param>
    internal static Tensor Apply(Tensor x, QuantizedMatrix weight, Tensor? bias, ActivationGrid? grid = null, bool isSymmetric = false) =>
        AvxVnni.IsSupported ? Apply<DotByteProducts>(x, weight, bias, MatrixUnit.IsSupported, WideDots.IsSupported, grid, isSymmetric)
        : Avx2.IsSupported ? Apply<WideByteProducts>(x, weight, bias, MatrixUnit.IsSupported, WideDots.IsSupported, grid, isSymmetric) : Apply<PlainByteProducts>(x, weight, bias, grid: grid, isSymmetric: isSymmetric);

    /// <summary>Multiplies in the given way; if that is wanted, whole blocks of rows on the matrix unit where the inputs fill its tiles, and others in registers of 512 bits.</summary>
    internal static Tensor Apply<P>(Tensor x, QuantizedMatrix weight, Tensor? bias, bool inTiles = false, bool inWideRegisters = false, ActivationGrid? grid = null, bool isSymmetric = false) where P : struct, IByteProducts
    {
        Tensor y = empty([x.size(0), weight.Outputs], dtype: ScalarType.Float32);
        if (y.numel() == 0) return y;
        using var rows = new QuantizedRows(x, grid, isSymmetric: isSymmetric);
        var job = new Job
        {
            X = rows.Codes,
            XScales = rows.Scales,
            XZeros = rows.Zeros,
            Inner = rows.Stride,
            Groups = weight.Groups,
            Weight = weight.Codes,
            Scales = weight.Scales.Wide(0, 0, null),
            Sums = weight.Sums,
            Bias = bias is null ? null : (float*)TensorMemory.Address(bias),
            Y = (float*)TensorMemory.Address(y),
            Outputs = weight.Outputs,
        };
        long count = rows.Count, panels = weight.Layout.Panels;
        long block = Math.Max(TileRows, BlockBytes / rows.Stride / TileRows * TileRows), blocks = (count + block - 1) / block;
        int chunks = ParallelLoop.Chunks(panels, 4);
        int leastWide = typeof(P) == typeof(DotByteProducts) ? TileRows : 1;   // for fewer rows, which wait for memory, narrow registers do if they have the instruction
        inTiles &= rows.Stride % MatrixUnit.RowBytes == 0 && weight.Groups == 1;
        ParallelLoop.For((int)(blocks * chunks), [MethodImpl(ParallelLoop.Hot)] (task) =>
        {
            var (from, to) = ParallelLoop.Range(panels, chunks, task % chunks);
            long first = task / chunks * block, end = Math.Min(count, first + block);
            long start = inTiles ? end - (end - first) % MatrixUnit.Side : first;   // of the rows that fill no block of the matrix unit
            bool isWide = inWideRegisters && end - start >= leastWide;
            for (long p = from; p < to; p++)
            {
                if (inTiles) Blocks(in job, first, start, p);
                if (isWide) continue;
                long r = start;
                for (; r + TileRows <= end; r += TileRows) Tile4<P>(in job, r, p);
                for (; r < end; r++) Tile1<P>(in job, r, p);
            }
            for (long p = from; isWide && p < to; p += 2) Dots(in job, start, end, p, Math.Min(2, to - p));
        });
        return y;
    }

    private struct Job
    {
        internal byte* X, Weight;
        internal float* XScales, Scales, Bias, Y;
        internal int* XZeros, Sums;
        internal long Inner, Groups, Outputs;
    }

    /// <summary>Rows that fill blocks of the matrix unit.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Blocks(in Job job, long row, long end, long panel)
    {
        int* sums = stackalloc int[BlocksTogether * MatrixUnit.Side * PanelLayout.Width];
        var w = (sbyte*)job.Weight + panel * job.Inner * PanelLayout.Width;
        while (row < end)
        {
            long blocks = Math.Min(BlocksTogether, (end - row) / MatrixUnit.Side);
            MatrixUnit.MultiplyBytes(job.X + row * job.Inner, job.Inner, w, sums, job.Inner / MatrixUnit.RowBytes, blocks);
            for (long r = 0; r < blocks * MatrixUnit.Side; r++) Finish(in job, row + r, panel, 0, sums + r * PanelLayout.Width);
            row += blocks * MatrixUnit.Side;
        }
    }

    /// <summary>Rows by one panel or two, in registers of 512 bits.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Dots(in Job job, long first, long end, long panel, long panels)
    {
        int* sums = stackalloc int[2 * DotRows * PanelLayout.Width];
        long group = job.Inner / job.Groups, panelBytes = job.Inner * PanelLayout.Width;
        for (long row = first; row < end; row += DotRows)
        {
            long rows = Math.Min(DotRows, end - row);
            for (long g = 0; g < job.Groups; g++)
            {
                WideDots.Multiply(job.X + row * job.Inner + g * group, job.Inner, (sbyte*)job.Weight + panel * panelBytes + g * group * PanelLayout.Width, panelBytes, sums, group / 4, rows, panels);
                for (long p = 0; p < panels; p++)
                {
                    for (long r = 0; r < rows; r++) Finish(in job, row + r, panel + p, g, sums + (p * rows + r) * PanelLayout.Width);
                }
            }
        }
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile4<P>(in Job job, long row, long panel) where P : struct, IByteProducts
    {
        long inner = job.Inner, group = inner / job.Groups;
        byte* x0 = job.X + row * inner, x1 = x0 + inner, x2 = x1 + inner, x3 = x2 + inner;
        var w = (sbyte*)job.Weight + panel * inner * PanelLayout.Width;
        int* sums = stackalloc int[TileRows * PanelLayout.Width];
        for (long g = 0; g < job.Groups; g++)
        {
            Vector256<int> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default;
            Vector256<int> s20 = default, s21 = default, s22 = default, s30 = default, s31 = default, s32 = default;
            for (long k = g * group; k < (g + 1) * group; k += 4, w += 96)
            {
                Vector256<sbyte> w0 = Vector256.Load(w), w1 = Vector256.Load(w + 32), w2 = Vector256.Load(w + 64);
                Vector256<byte> v = Vector256.Create(*(int*)(x0 + k)).AsByte();
                s00 = P.Add(s00, v, w0);
                s01 = P.Add(s01, v, w1);
                s02 = P.Add(s02, v, w2);
                v = Vector256.Create(*(int*)(x1 + k)).AsByte();
                s10 = P.Add(s10, v, w0);
                s11 = P.Add(s11, v, w1);
                s12 = P.Add(s12, v, w2);
                v = Vector256.Create(*(int*)(x2 + k)).AsByte();
                s20 = P.Add(s20, v, w0);
                s21 = P.Add(s21, v, w1);
                s22 = P.Add(s22, v, w2);
                v = Vector256.Create(*(int*)(x3 + k)).AsByte();
                s30 = P.Add(s30, v, w0);
                s31 = P.Add(s31, v, w1);
                s32 = P.Add(s32, v, w2);
            }
            // To memory first: sums that live beyond a call would be stored there in each round of the loop.
            Store(sums, s00, s01, s02);
            Store(sums + PanelLayout.Width, s10, s11, s12);
            Store(sums + 2 * PanelLayout.Width, s20, s21, s22);
            Store(sums + 3 * PanelLayout.Width, s30, s31, s32);
            for (int r = 0; r < TileRows; r++) Finish(in job, row + r, panel, g, sums + r * PanelLayout.Width);
        }
    }

    [MethodImpl(ParallelLoop.Hot)]
    private static void Tile1<P>(in Job job, long row, long panel) where P : struct, IByteProducts
    {
        long inner = job.Inner, group = inner / job.Groups, k = 0;
        byte* x = job.X + row * inner;
        var w = (sbyte*)job.Weight + panel * inner * PanelLayout.Width;
        int* sums = stackalloc int[PanelLayout.Width];
        for (long g = 0; g < job.Groups; g++)
        {
            long end = k + group;
            Vector256<int> s0 = default, s1 = default, s2 = default, t0 = default, t1 = default, t2 = default;
            for (; k + 8 <= end; k += 8, w += 192)
            {
                Vector256<byte> v = Vector256.Create(*(int*)(x + k)).AsByte(), u = Vector256.Create(*(int*)(x + k + 4)).AsByte();
                s0 = P.Add(s0, v, Vector256.Load(w));
                s1 = P.Add(s1, v, Vector256.Load(w + 32));
                s2 = P.Add(s2, v, Vector256.Load(w + 64));
                t0 = P.Add(t0, u, Vector256.Load(w + 96));
                t1 = P.Add(t1, u, Vector256.Load(w + 128));
                t2 = P.Add(t2, u, Vector256.Load(w + 160));
            }
            if (k < end)
            {
                Vector256<byte> v = Vector256.Create(*(int*)(x + k)).AsByte();
                s0 = P.Add(s0, v, Vector256.Load(w));
                s1 = P.Add(s1, v, Vector256.Load(w + 32));
                s2 = P.Add(s2, v, Vector256.Load(w + 64));
                k = end;
            }
            Store(sums, s0 + t0, s1 + t1, s2 + t2);
            Finish(in job, row, panel, g, sums);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(int* sums, Vector256<int> s0, Vector256<int> s1, Vector256<int> s2)
    {
        s0.Store(sums);
        s1.Store(sums + 8);
        s2.Store(sums + 16);
    }

    /// <summary>Takes out the zero point, scales, adds what the groups before gave, and at last the bias.</summary>
    private static void Finish(in Job job, long row, long panel, long group, int* sums)
    {
        long at = panel * PanelLayout.Width, count = Math.Min(PanelLayout.Width, job.Outputs - at), place = (panel * job.Groups + group) * PanelLayout.Width;
        float* y = job.Y + row * job.Outputs + at, part = stackalloc float[PanelLayout.Width], target = group == 0 && count == PanelLayout.Width ? y : part;
        float scale = job.XScales[row];
        int zero = job.XZeros[row];
        Finish(in job, place, sums, scale, zero).Store(target);
        Finish(in job, place + 8, sums + 8, scale, zero).Store(target + 8);
        Finish(in job, place + 16, sums + 16, scale, zero).Store(target + 16);
        if (group > 0)
        {
            for (int i = 0; i < count; i++) y[i] += part[i];
        }
        else if (target == part)
        {
            new Span<float>(part, (int)count).CopyTo(new Span<float>(y, (int)count));
        }
        if (group < job.Groups - 1 || job.Bias == null) return;
        if (count == PanelLayout.Width)
        {
            for (int i = 0; i < PanelLayout.Width; i += 8) (Vector256.Load(y + i) + Vector256.Load(job.Bias + at + i)).Store(y + i);
        }
        else
        {
            for (int i = 0; i < count; i++) y[i] += job.Bias[at + i];
        }
    }

    private static Vector256<float> Finish(in Job job, long place, int* sums, float scale, int zero) =>
        Vector256.ConvertToSingle(Vector256.Load(sums) - Vector256.Load(job.Sums + place) * zero) * (Vector256.Load(job.Scales + place) * scale);
}

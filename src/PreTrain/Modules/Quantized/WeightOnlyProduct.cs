// N rows (a few), I inputs, O outputs
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>
/// x·Wᵀ + b for rows in 32 bits and a weight in codes. For a few rows, as generation with a cache has them, the codes become numbers on their way to the sums, so that a token takes the time of
/// reading 8 or 4 bits a weight. More rows are multiplied as a matrix with the weight's values, of which no more are there at once than stay in a cache.
/// </summary>
internal static unsafe class WeightOnlyProduct
{
    /// <summary>More rows are better multiplied as a matrix.</summary>
    internal const int MostRows = 4;

    private const long CachedValues = 1 << 20;   // 4 MiB, which a third cache holds; with fewer, x is rearranged too often
    private const int Quads = PanelLayout.Width / 4;   // vectors of four outputs by four inputs
    private const int RowBytes = PanelLayout.Width * 4;

    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I), float32.</param>
    /// <param name="weight">4 or 8 bits.</param>
    /// <param name="bias">(O), float32, or null.</param>
    /// <returns>(N, O), float32.</returns>
    internal static Tensor Apply(Tensor x, QuantizedMatrix weight, Tensor? bias)
    {
        if (Lanes.AreSupported && x.size(0) is > 0 and <= MostRows) return Few(x, weight, bias);
        using DisposeScope scope = NewDisposeScope();
        Tensor turned = x.t(), y = empty([weight.Outputs, x.size(0)], dtype: ScalarType.Float32);   // (I, N), (O, N)
        ForParts(weight, (first, values) => y.narrow(0, first, values.size(0)).addmm_(values, turned, beta: 0));
        Tensor result = y.t().contiguous();
        if (bias is not null) result.add_(bias);
        return scope.MoveToOuter(result);
    }

    /// <summary>The gradient of x.</summary>
    /// <param name="gradient">(N, O), float32.</param>
    /// <param name="weight">4 or 8 bits.</param>
    /// <returns>(N, I), float32.</returns>
    internal static Tensor InputGradient(Tensor gradient, QuantizedMatrix weight)
    {
        if (is_grad_enabled())
        {
            // What a second derivative needs of the values has to stay.
            using Tensor values = weight.Dequantize();
            return matmul(gradient, values);
        }
        using DisposeScope scope = NewDisposeScope();
        Tensor sum = zeros([gradient.size(0), weight.Inputs], dtype: ScalarType.Float32);
        ForParts(weight, (first, values) => sum.addmm_(gradient.narrow(1, first, values.size(0)), values));
        return scope.MoveToOuter(sum);
    }

    /// <summary>Makes the values of some outputs after the other, in the same memory.</summary>
    private static void ForParts(QuantizedMatrix weight, Action<long, Tensor> use)
    {
        long panels = Math.Max(1, CachedValues / (weight.Inputs * PanelLayout.Width)), most = Math.Min(weight.Outputs, panels * PanelLayout.Width);
        using Tensor all = empty([most, weight.Inputs], dtype: ScalarType.Float32);
        for (long first = 0; first < weight.Outputs; first += most)
        {
            using DisposeScope scope = NewDisposeScope();
            long count = Math.Min(most, weight.Outputs - first);
            weight.Dequantize(first, count, (float*)TensorMemory.Address(all));
            use(first, all.narrow(0, 0, count));
        }
    }

    private static Tensor Few(Tensor x, QuantizedMatrix weight, Tensor? bias)
    {
        Tensor y = empty([x.size(0), weight.Outputs], dtype: ScalarType.Float32);
        PanelLayout layout = weight.Layout;
        long rows = x.size(0), inner = layout.PaddedInputs, groups = weight.Groups, group = inner / groups;
        using Tensor padded = inner == layout.Inputs ? x.alias() : nn.functional.pad(x, [0, inner - layout.Inputs]);
        using Tensor sums = empty([rows, groups, 4], dtype: ScalarType.Float32);
        float* px = (float*)TensorMemory.Address(padded), pSums = (float*)TensorMemory.Address(sums), py = (float*)TensorMemory.Address(y);
        Vector512<float> table = TableOf(weight.Format);
        GroupNumbers scales = weight.Scales;
        GroupNumbers? zeros = weight.Zeros;
        float* pBias = bias is null ? null : (float*)TensorMemory.Address(bias);
        byte* codes = weight.Codes;
        // What a zero point takes away: it times the inputs of its group, summed as the lanes of the products are.
        for (long g = 0; zeros is not null && g < rows * groups; g++)
        {
            Vector128<float> sum = default;
            for (long i = 0; i < group; i += 4) sum += Vector128.Load(px + g * group + i);
            sum.Store(pSums + g * 4);
        }

        int chunks = ParallelLoop.Chunks(layout.Panels, 4);
        long numbers = groups * PanelLayout.Width;   // of a panel
        using Tensor wide = empty([chunks, 2, numbers], dtype: ScalarType.Float32);
        float* pWide = (float*)TensorMemory.Address(wide);
        ParallelLoop.For(chunks, [MethodImpl(ParallelLoop.Hot)] (chunk) =>
        {
            var (from, to) = ParallelLoop.Range(layout.Panels, chunks, chunk);
            float* part = stackalloc float[PanelLayout.Width];
            for (long p = from; p < to; p++)
            {
                long at = p * PanelLayout.Width, count = Math.Min(PanelLayout.Width, layout.Outputs - at);
                byte* panel = codes + p * layout.PanelBytes;
                float* room = pWide + chunk * 2 * numbers, scale = scales.Wide(p * numbers, numbers, room), zero = zeros is null ? null : zeros.Wide(p * numbers, numbers, room + numbers);
                for (long r = 0; r < rows; r++)
                {
                    float* xr = px + r * inner;
                    if (layout.Bits == 8) Panel8(xr, groups, group, panel, scale, part);
                    else Panel4(xr, groups, group, panel, table, scale, zero, pSums + r * groups * 4, part);
                    for (int i = 0; i < count; i++) py[r * layout.Outputs + at + i] = part[i] + (pBias == null ? 0 : pBias[at + i]);
                }
            }
        });
        return y;
    }

    /// <summary>A lane of a vector is one of four outputs and one of four inputs, with a scale for each group of inputs.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Panel8(float* x, long groups, long group, byte* w, float* scales, float* y)
    {
        Vector512<float> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
        for (long g = 0; g < groups; g++, scales += PanelLayout.Width, x += group)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            for (long i = 0; i < group; i += 4, w += RowBytes)
            {
                Vector512<float> v = Lanes.Repeat(x + i);
                s0 = Vector512.FusedMultiplyAdd(Signed(w), v, s0);
                s1 = Vector512.FusedMultiplyAdd(Signed(w + 16), v, s1);
                s2 = Vector512.FusedMultiplyAdd(Signed(w + 32), v, s2);
                s3 = Vector512.FusedMultiplyAdd(Signed(w + 48), v, s3);
                s4 = Vector512.FusedMultiplyAdd(Signed(w + 64), v, s4);
                s5 = Vector512.FusedMultiplyAdd(Signed(w + 80), v, s5);
            }
            t0 = Vector512.FusedMultiplyAdd(s0, Lanes.Spread(scales), t0);
            t1 = Vector512.FusedMultiplyAdd(s1, Lanes.Spread(scales + 4), t1);
            t2 = Vector512.FusedMultiplyAdd(s2, Lanes.Spread(scales + 8), t2);
            t3 = Vector512.FusedMultiplyAdd(s3, Lanes.Spread(scales + 12), t3);
            t4 = Vector512.FusedMultiplyAdd(s4, Lanes.Spread(scales + 16), t4);
            t5 = Vector512.FusedMultiplyAdd(s5, Lanes.Spread(scales + 20), t5);
        }
        Store(y, t0, t1, t2, t3, t4, t5);
    }

    /// <summary>What the half bytes stand for. The table's index is the low four bits of a lane; those above are not looked at.</summary>
    internal static Vector512<float> TableOf(QuantizedFormat format) => format.IsNormalFloat ? Vector512.Create(NormalFloat.Values)
        : format.IsSymmetric ? Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, -8f, -7, -6, -5, -4, -3, -2, -1)
        : Vector512.Create(0, 1, 2, 3, 4, 5, 6, 7, 8f, 9, 10, 11, 12, 13, 14, 15);

    /// <summary>The same with half bytes, whose values a table in a register holds.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    private static void Panel4(float* x, long groups, long group, byte* w, Vector512<float> table, float* scales, float* zeros, float* xSums, float* y)
    {
        Vector512<float> t0 = default, t1 = default, t2 = default, t3 = default, t4 = default, t5 = default;
        for (long g = 0; g < groups; g++, scales += PanelLayout.Width, x += group)
        {
            Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default, s4 = default, s5 = default;
            if (zeros != null)
            {
                Vector512<float> sum = -Lanes.Repeat(xSums + 4 * g);
                (s0, s1, s2) = (sum * Lanes.Spread(zeros), sum * Lanes.Spread(zeros + 4), sum * Lanes.Spread(zeros + 8));
                (s3, s4, s5) = (sum * Lanes.Spread(zeros + 12), sum * Lanes.Spread(zeros + 16), sum * Lanes.Spread(zeros + 20));
                zeros += PanelLayout.Width;
            }
            for (long i = 0; i < group; i += 8, w += RowBytes)
            {
                Vector512<float> low = Lanes.Repeat(x + i), high = Lanes.Repeat(x + i + 4);
                s0 = Add(s0, w, table, low, high);
                s1 = Add(s1, w + 16, table, low, high);
                s2 = Add(s2, w + 32, table, low, high);
                s3 = Add(s3, w + 48, table, low, high);
                s4 = Add(s4, w + 64, table, low, high);
                s5 = Add(s5, w + 80, table, low, high);
            }
            t0 = Vector512.FusedMultiplyAdd(s0, Lanes.Spread(scales), t0);
            t1 = Vector512.FusedMultiplyAdd(s1, Lanes.Spread(scales + 4), t1);
            t2 = Vector512.FusedMultiplyAdd(s2, Lanes.Spread(scales + 8), t2);
            t3 = Vector512.FusedMultiplyAdd(s3, Lanes.Spread(scales + 12), t3);
            t4 = Vector512.FusedMultiplyAdd(s4, Lanes.Spread(scales + 16), t4);
            t5 = Vector512.FusedMultiplyAdd(s5, Lanes.Spread(scales + 20), t5);
        }
        Store(y, t0, t1, t2, t3, t4, t5);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Signed(byte* w) => Vector512.ConvertToSingle(Lanes.Load((sbyte*)w));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Add(Vector512<float> sum, byte* w, Vector512<float> table, Vector512<float> low, Vector512<float> high)
    {
        Vector512<int> codes = Lanes.Load(w);
        sum = Vector512.FusedMultiplyAdd(Lanes.Look(table, codes), low, sum);
        return Vector512.FusedMultiplyAdd(Lanes.Look(table, codes >>> 4), high, sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* y, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3, Vector512<float> s4, Vector512<float> s5)
    {
        Fold(s0).Store(y);
        Fold(s1).Store(y + 4);
        Fold(s2).Store(y + 8);
        Fold(s3).Store(y + 12);
        Fold(s4).Store(y + 16);
        Fold(s5).Store(y + 20);
    }

    /// <summary>The sums of a vector's four quarters.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Fold(Vector512<float> v)
    {
        Vector128<float> a = v.GetLower().GetLower(), b = v.GetLower().GetUpper(), c = v.GetUpper().GetLower(), d = v.GetUpper().GetUpper();
        return Sse3.HorizontalAdd(Sse3.HorizontalAdd(a, b), Sse3.HorizontalAdd(c, d));
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using PreTrain.Torch.Cpu;

namespace PreTrain.Optimization;

/// <summary>
/// The dynamic data type of 8 bits (Dettmers et al. 2022, section 1.3 and appendix F): numbers from −1, or 0, to 1 in seven decades, where each larger decade is
/// divided twice as finely; 0 and 1 are codes of their own. The codes rise with the values.
/// </summary>
internal sealed class DynamicCode
{
    /// <summary>The elements that share a scale.</summary>
    internal const int BlockSize = 256;

    /// <summary>For the first moment, of either sign.</summary>
    internal static readonly DynamicCode Signed = new(signed: true);

    /// <summary>For the second moment, which is not negative, with twice as many steps.</summary>
    internal static readonly DynamicCode Unsigned = new(signed: false);

    private const int Decades = 7, Width = 16, Exponents = 2 * Width;
    private const int LeastExponent = 127 + 1 - Exponents;   // of the bits of a float, 2⁻³¹: below every border
    private readonly bool _signed;

    // By region of the magnitude: 0 is zero, 1 to 7 are the decades, 8 is one.
    private readonly Vector512<float> _steps, _starts, _factors, _offsets;
    private readonly Vector512<int> _bases, _lasts;

    // By exponent of the magnitude: its region below a border, from which on it is the next one. No two borders have the same exponent.
    private readonly Vector512<int> _regionsLow, _regionsHigh;
    private readonly Vector512<float> _bordersLow, _bordersHigh;

    private DynamicCode(bool signed)
    {
        _signed = signed;
        float[] steps = new float[Width], starts = new float[Width], factors = new float[Width], offsets = new float[Width];
        int[] bases = new int[Width], lasts = new int[Width];
        var magnitudes = new List<float> { 0 };
        for (int decade = 0; decade < Decades; decade++)
        {
            int count = 1 << (signed ? decade : decade + 1), region = decade + 1;
            double top = Math.Pow(10, decade - Decades + 1), step = 0.9 * top / count;
            (steps[region], starts[region]) = ((float)step, (float)(0.1 * top + 0.5 * step));
            (factors[region], offsets[region]) = ((float)(1 / step), (float)(-0.1 * top / step));
            (bases[region], lasts[region]) = (magnitudes.Count, count - 1);
            for (int i = 0; i < count; i++) magnitudes.Add(MathF.FusedMultiplyAdd(i, steps[region], starts[region]));
        }
        (bases[Decades + 1], starts[Decades + 1]) = (magnitudes.Count, 1);
        magnitudes.Add(1);
        (_steps, _starts, _factors, _offsets) = (Vector512.Create(steps), Vector512.Create(starts), Vector512.Create(factors), Vector512.Create(offsets));
        (_bases, _lasts) = (Vector512.Create(bases), Vector512.Create(lasts));

        float[] borders = new float[Exponents];
        int[] regions = new int[Exponents];
        Array.Fill(borders, float.PositiveInfinity);
        for (int region = 1; region <= Decades + 1; region++)
        {
            float border = Middle(magnitudes[bases[region] - 1], magnitudes[bases[region]]);
            int exponent = (BitConverter.SingleToInt32Bits(border) >> 23) - LeastExponent;
            borders[exponent] = border;
            for (int next = exponent + 1; next < Exponents; next++) regions[next] = region;
        }
        (_bordersLow, _bordersHigh) = (Vector512.Create(borders), Vector512.Create(borders, Width));
        (_regionsLow, _regionsHigh) = (Vector512.Create(regions), Vector512.Create(regions, Width));

        // There is no −1.
        Values = signed ? [.. magnitudes.Skip(1).SkipLast(1).Reverse().Select(m => -m), .. magnitudes] : [.. magnitudes];
        Borders = [.. Values.Zip(Values.Skip(1), Middle)];
        Zero = Array.IndexOf(Values, 0f);
    }

    /// <summary>The value of each code, rising, (256).</summary>
    internal float[] Values { get; }

    /// <summary>Between two neighbouring values, (255): the least that is coded as the larger.</summary>
    internal float[] Borders { get; }

    /// <summary>The code of zero.</summary>
    internal int Zero { get; }

    /// <summary>Decodes numbers of one block and multiplies them with its scale. The count is a multiple of 16.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    internal unsafe void Load(byte* codes, float* values, int count, float scale)
    {
        Vector512<float> steps = _steps, starts = _starts, scales = Vector512.Create(scale);
        Vector512<int> bases = _bases, zero = Vector512.Create(Zero), sign = Vector512.Create(_signed ? int.MinValue : 0);
        // The regions of the code with a sign begin at powers of two, those of the other one below.
        Vector512<int> ahead = Vector512.Create(_signed ? 0 : 1);
        for (int i = 0; i < count; i += Width)
        {
            Vector512<int> code = Lanes.Load(codes + i) - zero, magnitude = Vector512.Abs(code);
            Vector512<int> region = BitLength(magnitude + ahead) - ahead;
            Vector512<float> place = Vector512.ConvertToSingle(magnitude - Lanes.Look(bases.AsSingle(), region).AsInt32());
            Vector512<float> value = Vector512.FusedMultiplyAdd(place, Lanes.Look(steps, region), Lanes.Look(starts, region));
            ((value.AsInt32() | (code & sign)).AsSingle() * scales).Store(values + i);
        }
    }

    /// <summary>Multiplies numbers of one block, so that the magnitude of none is above 1, and writes their codes. The count is a multiple of 16.</summary>
    [MethodImpl(ParallelLoop.Hot)]
    internal unsafe void Store(float* values, byte* codes, int count, float inverse)
    {
        Vector512<float> factors = _factors, offsets = _offsets, bordersLow = _bordersLow, bordersHigh = _bordersHigh, scales = Vector512.Create(inverse);
        Vector512<int> bases = _bases, lasts = _lasts, regionsLow = _regionsLow, regionsHigh = _regionsHigh, zero = Vector512.Create(Zero), least = Vector512.Create(LeastExponent);
        for (int i = 0; i < count; i += Width)
        {
            Vector512<float> value = Vector512.Load(values + i) * scales, magnitude = Vector512.Abs(value);
            Vector512<int> exponent = Vector512.Max((magnitude.AsInt32() >>> 23) - least, Vector512<int>.Zero);
            Vector512<float> border = Lanes.Look(bordersLow, bordersHigh, exponent);
            Vector512<int> region = Lanes.Look(regionsLow.AsSingle(), regionsHigh.AsSingle(), exponent).AsInt32() - Vector512.GreaterThanOrEqual(magnitude, border).AsInt32();
            Vector512<float> place = Vector512.FusedMultiplyAdd(magnitude, Lanes.Look(factors, region), Lanes.Look(offsets, region));
            Vector512<int> code = Lanes.Look(bases.AsSingle(), region).AsInt32() + Vector512.Min(Vector512.ConvertToInt32Native(place), Lanes.Look(lasts.AsSingle(), region).AsInt32());
            if (_signed)
            {
                Vector512<int> sign = value.AsInt32() >> 31;
                code = Vector512.Max((code ^ sign) - sign, -zero) + zero;
            }
            ToBytes(code).Store(codes + i);
        }
    }

    /// <summary>The lowest byte of each.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<byte> ToBytes(Vector512<int> codes)
    {
        if (Avx512F.IsSupported) return Avx512F.ConvertToVector128Byte(codes);
        Vector256<short> words = Vector256.Narrow(codes.GetLower(), codes.GetUpper());
        return Vector128.Narrow(words.GetLower().AsUInt16(), words.GetUpper().AsUInt16());
    }

    /// <summary>The number of bits of numbers from 0 to 2²⁴.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> BitLength(Vector512<int> x) => Avx512CD.IsSupported ? Vector512.Create(32) - Avx512CD.LeadingZeroCount(x)
        : Vector512.Max((Vector512.ConvertToSingle(x).AsInt32() >> 23) - Vector512.Create(126), Vector512<int>.Zero);

    private static float Middle(float a, float b) => (float)(((double)a + b) / 2);
}

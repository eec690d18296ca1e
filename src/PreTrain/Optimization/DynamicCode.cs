using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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

    private const int Decades = 7, Lanes = 16;
    private readonly bool _signed;

    // By region of the magnitude: 0 is zero, 1 to 7 are the decades, 8 is one. Entry i of the borders is the least magnitude of region i + 1.
    private readonly float[] _regions = new float[Decades + 1];
    private readonly Vector512<float> _steps, _starts, _factors, _offsets;
    private readonly Vector512<int> _bases, _lasts;
    private readonly int[] _firsts;   // the least code of regions 1 to 8, relative to that of zero

    private DynamicCode(bool signed)
    {
        _signed = signed;
        float[] steps = new float[Lanes], starts = new float[Lanes], factors = new float[Lanes], offsets = new float[Lanes];
        int[] bases = new int[Lanes], lasts = new int[Lanes];
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
        for (int region = 1; region <= Decades + 1; region++) _regions[region - 1] = Middle(magnitudes[bases[region] - 1], magnitudes[bases[region]]);
        (_steps, _starts, _factors, _offsets) = (Vector512.Create(steps), Vector512.Create(starts), Vector512.Create(factors), Vector512.Create(offsets));
        (_bases, _lasts, _firsts) = (Vector512.Create(bases), Vector512.Create(lasts), bases[1..(Decades + 2)]);

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

    /// <summary>The values of 16 codes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal unsafe Vector512<float> Load(byte* codes)
    {
        Vector512<int> code = Avx512F.ConvertToVector512Int32(Vector128.Load(codes)) - Vector512.Create(Zero), magnitude = Vector512.Abs(code), region = Vector512<int>.Zero;
        foreach (int first in _firsts) region -= Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(first));
        Vector512<float> place = Vector512.ConvertToSingle(magnitude - Avx512F.PermuteVar16x32(_bases, region));
        Vector512<float> value = Vector512.FusedMultiplyAdd(place, Avx512F.PermuteVar16x32(_steps, region), Avx512F.PermuteVar16x32(_starts, region));
        return (value.AsInt32() | (code & Vector512.Create(int.MinValue))).AsSingle();
    }

    /// <summary>Writes the codes of 16 numbers of a magnitude of at most 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal unsafe void Store(byte* codes, Vector512<float> values)
    {
        Vector512<float> magnitude = Vector512.Abs(values);
        Vector512<int> region = Vector512<int>.Zero;
        foreach (float border in _regions) region -= Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(border)).AsInt32();
        Vector512<int> place = Vector512.ConvertToInt32(Vector512.FusedMultiplyAdd(magnitude, Avx512F.PermuteVar16x32(_factors, region), Avx512F.PermuteVar16x32(_offsets, region)));
        Vector512<int> code = Avx512F.PermuteVar16x32(_bases, region) + Vector512.Max(Vector512.Min(place, Avx512F.PermuteVar16x32(_lasts, region)), Vector512<int>.Zero);
        if (_signed)
        {
            Vector512<int> negative = Vector512.LessThan(values, Vector512<float>.Zero).AsInt32();
            code = Vector512.ConditionalSelect(negative, Vector512.Create(Zero) - Vector512.Min(code, Vector512.Create(Zero)), Vector512.Create(Zero) + code);
        }
        Avx512F.ConvertToVector128Byte(code).Store(codes);
    }

    private static float Middle(float a, float b) => (float)(((double)a + b) / 2);
}

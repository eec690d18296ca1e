// G groups in all
namespace PreTrain.Modules.Quantized;

/// <summary>
/// Scales in 8 bits (Dettmers et al. 2023, "QLoRA", section 3, double quantization), as the library bitsandbytes stores them: their mean is taken off, and what is left is a code times the largest of its block of
/// 256. The codes stand for numbers of a few digits and an exponent each (Dettmers 2016, "8-Bit Approximations for Parallelism in Deep Learning", dynamic tree).
/// </summary>
internal sealed class DoubleScales
{
    internal const int Block = 256;
    private static readonly float[] s_values = MakeValues();

    internal DoubleScales(byte[] codes, float[] largest, float offset) => (Codes, Largest, Offset) = (codes, largest, offset);

    /// <summary>What the codes stand for, in rising order.</summary>
    internal static ReadOnlySpan<float> Values => s_values;

    /// <summary>The codes, (G).</summary>
    internal byte[] Codes { get; }

    /// <summary>The largest of each block.</summary>
    internal float[] Largest { get; }

    /// <summary>The mean of the scales.</summary>
    internal float Offset { get; }

    /// <summary>The nearest codes of some scales.</summary>
    internal static DoubleScales Of(ReadOnlySpan<float> scales)
    {
        double sum = 0;
        foreach (float scale in scales) sum += scale;
        var offset = (float)(sum / scales.Length);
        byte[] codes = new byte[scales.Length];
        float[] largest = new float[Blocks(scales.Length)];
        for (int i = 0; i < scales.Length; i++) largest[i / Block] = Math.Max(largest[i / Block], Math.Abs(scales[i] - offset));
        for (int i = 0; i < scales.Length; i++) codes[i] = largest[i / Block] == 0 ? Nearest(0) : Nearest((scales[i] - offset) / largest[i / Block]);
        return new(codes, largest, offset);
    }

    /// <summary>The number of blocks.</summary>
    internal static long Blocks(long scales) => (scales + Block - 1) / Block;

    /// <summary>A scale.</summary>
    internal float this[long group] => s_values[Codes[group]] * Largest[group / Block] + Offset;

    private static byte Nearest(float value)
    {
        int at = Array.BinarySearch(s_values, value);
        if (at >= 0) return (byte)at;
        at = Math.Clamp(~at, 1, s_values.Length - 1);
        return (byte)(value - s_values[at - 1] <= s_values[at] - value ? at - 1 : at);
    }

    /// <summary>For each of seven exponents twice as many numbers as for the one before, evenly between a tenth of it and itself, on both sides; and 0 and 1.</summary>
    private static float[] MakeValues()
    {
        var values = new List<float> { 0, 1 };
        for (int i = 0; i < 7; i++)
        {
            int count = 1 << i;
            for (int k = 0; k < count; k++)
            {
                double mean = 0.1 + 0.9 * (k + 0.5) / count;
                var value = (float)(Math.Pow(10, i - 6) * mean);
                values.Add(value);
                values.Add(-value);
            }
        }
        return [.. values.Order()];
    }
}

using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Looks for the scales of small blocks: for each of several first guesses the elements are rounded, and the scale of least squared error is solved for with these codes; the best of them counts.</summary>
internal static class BlockFit
{
    private const int Lanes = 8;

    /// <summary>The scale s and the offset m ≤ 0 for which s·code + m, with codes from 0 to <paramref name="highest"/>, come nearest to the elements.</summary>
    /// <param name="x">32 elements.</param>
    /// <param name="weights">What the squared error of each counts.</param>
    /// <param name="highest">The highest code.</param>
    /// <param name="firstStretch">The first guess spreads the elements over <paramref name="highest"/> and so much more; each further one over 0.1 more than that before.</param>
    /// <param name="guesses">The number of guesses.</param>
    internal static (float Scale, float Offset) Affine(ReadOnlySpan<float> x, ReadOnlySpan<float> weights, int highest, float firstStretch, int guesses)
    {
        ReadOnlySpan<Vector256<float>> values = MemoryMarshal.Cast<float, Vector256<float>>(x), counts = MemoryMarshal.Cast<float, Vector256<float>>(weights);
        Vector256<float> least = values[0], greatest = values[0], weight = counts[0], first = counts[0] * values[0];
        for (int i = 1; i < values.Length; i++)
        {
            least = Vector256.Min(least, values[i]);
            greatest = Vector256.Max(greatest, values[i]);
            weight += counts[i];
            first += counts[i] * values[i];
        }
        float lowest = x[0], top = x[0], sumW = Vector256.Sum(weight), sumX = Vector256.Sum(first);
        for (int lane = 0; lane < Lanes; lane++) (lowest, top) = (Math.Min(lowest, least[lane]), Math.Max(top, greatest[lane]));
        if (lowest > 0) lowest = 0;
        if (top == lowest) return (0, lowest);

        Span<Vector256<float>> codes = stackalloc Vector256<float>[values.Length];
        float scale = (top - lowest) / highest, offset = lowest;
        Round(values, lowest, highest / (top - lowest), highest, codes);
        float best = Error(values, counts, codes, scale, offset);
        for (int guess = 0; guess < guesses; guess++)
        {
            Round(values, lowest, (highest + firstStretch + 0.1f * guess) / (top - lowest), highest, codes);
            // The line of least squares; around the means, since elements far from zero on one side would cancel out otherwise.
            Vector256<float> sum = Vector256<float>.Zero;
            for (int i = 0; i < codes.Length; i++) sum += counts[i] * codes[i];
            float meanCode = Vector256.Sum(sum) / sumW, meanX = sumX / sumW;
            (float product, float square) = Moments(values, counts, codes, meanCode, meanX);
            if (!(square > 0)) continue;
            float fitted = product / square, shift = meanX - fitted * meanCode;
            if (shift > 0)
            {
                (product, square) = Moments(values, counts, codes, 0, 0);   // the formats subtract offsets only
                (fitted, shift) = (product / square, 0);
            }
            float error = Error(values, counts, codes, fitted, shift);
            // Further guesses begin at the better offset, as llama.cpp's do.
            if (error < best) (best, scale, offset, lowest) = (error, fitted, shift, shift);
        }
        return (scale, offset);
    }

    /// <summary>The scale s for which s·code, with codes from −<paramref name="reach"/> to <paramref name="reach"/> − 1, come nearest to the elements, the square of each being its weight.</summary>
    /// <param name="x">16 elements.</param>
    /// <param name="reach">How far codes go down.</param>
    internal static float Symmetric(ReadOnlySpan<float> x, int reach)
    {
        const int attempts = 9;   // on both sides of the first
        float extreme = 0;
        foreach (float value in x)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }
        if (Math.Abs(extreme) < 1e-15f) return 0;
        ReadOnlySpan<Vector256<float>> values = MemoryMarshal.Cast<float, Vector256<float>>(x);
        (float product, float square) = Sums(values, -reach / extreme, reach);
        float scale = square > 0 ? product / square : 0, best = scale * product;
        for (int attempt = -attempts; attempt <= attempts; attempt++)
        {
            if (attempt == 0) continue;
            (product, square) = Sums(values, -(reach + 0.1f * attempt) / extreme, reach);
            if (square > 0 && product * product > best * square) (scale, best) = (product / square, product / square * product);
        }
        return scale;

        static (float, float) Sums(ReadOnlySpan<Vector256<float>> values, float inverse, int reach)
        {
            Vector256<float> product = Vector256<float>.Zero, square = product;
            foreach (Vector256<float> value in values)
            {
                Vector256<float> code = Vector256.Max(Vector256.Create((float)-reach), Vector256.Min(Vector256.Create(reach - 1f), Vector256.Round(value * inverse))), weighted = value * value * code;
                product += weighted * value;
                square += weighted * code;
            }
            return (Vector256.Sum(product), Vector256.Sum(square));
        }
    }

    /// <summary>The weighted sums of (code − c)·(x − m) and of (code − c)².</summary>
    private static (float Product, float Square) Moments(ReadOnlySpan<Vector256<float>> values, ReadOnlySpan<Vector256<float>> weights, ReadOnlySpan<Vector256<float>> codes, float c, float m)
    {
        Vector256<float> product = Vector256<float>.Zero, square = product, code = Vector256.Create(c), value = Vector256.Create(m);
        for (int i = 0; i < codes.Length; i++)
        {
            Vector256<float> weighted = weights[i] * (codes[i] - code);
            product += weighted * (values[i] - value);
            square += weighted * (codes[i] - code);
        }
        return (Vector256.Sum(product), Vector256.Sum(square));
    }

    private static void Round(ReadOnlySpan<Vector256<float>> values, float lowest, float inverse, int highest, Span<Vector256<float>> codes)
    {
        Vector256<float> shift = Vector256.Create(lowest), top = Vector256.Create((float)highest);
        for (int i = 0; i < codes.Length; i++) codes[i] = Vector256.Max(Vector256<float>.Zero, Vector256.Min(top, Vector256.Round((values[i] - shift) * inverse)));
    }

    private static float Error(ReadOnlySpan<Vector256<float>> values, ReadOnlySpan<Vector256<float>> weights, ReadOnlySpan<Vector256<float>> codes, float scale, float offset)
    {
        Vector256<float> sum = Vector256<float>.Zero, shift = Vector256.Create(offset);
        for (int i = 0; i < codes.Length; i++)
        {
            Vector256<float> difference = codes[i] * scale + shift - values[i];
            sum += weights[i] * difference * difference;
        }
        return Vector256.Sum(sum);
    }
}

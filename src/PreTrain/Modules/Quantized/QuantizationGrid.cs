namespace PreTrain.Modules.Quantized;

/// <summary>
/// The values that the codes of a group stand for: (code − <paramref name="Zero"/>) · <paramref name="Scale"/>, for codes from <paramref name="Lowest"/> to <paramref name="Highest"/>
/// (Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", section 2.1).
/// </summary>
internal readonly record struct QuantizationGrid(float Scale, int Zero, int Lowest, int Highest, bool IsNormalFloat = false)
{
    /// <summary>
    /// The grid of weights: from the least to the largest with a zero point, else to the largest size on both sides. With 4 bits, which count one further down than up, the step is that size by 7,
    /// 7.5 or 8, whichever gives the least sum of squared errors.
    /// </summary>
    internal static QuantizationGrid Of(ReadOnlySpan<float> weights, QuantizedFormat format)
    {
        float least = 0, largest = 0;
        foreach (float w in weights) (least, largest) = (Math.Min(least, w), Math.Max(largest, w));
        float size = Math.Max(-least, largest);
        if (!float.IsFinite(size)) throw new ArgumentException("A matrix with values that are not finite cannot be quantized.");
        if (format.Bits == 8) return new(Rounded(size / 127), 0, -127, 127);
        if (format.IsNormalFloat) return new(size, 0, 0, 15, IsNormalFloat: true);
        if (!format.IsSymmetric)
        {
            float scale = Rounded((largest - least) / 15);
            return new(scale, scale == 0 ? 0 : (int)Math.Clamp(MathF.Round(-least / scale), 0, 15), 0, 15);
        }
        QuantizationGrid best = default;
        double bestError = double.PositiveInfinity;
        foreach (float steps in (ReadOnlySpan<float>)[7.5f, 8, 7])
        {
            var grid = new QuantizationGrid(Rounded(size / steps), 0, -8, 7);
            double error = grid.Error(weights);
            if (error < bestError) (best, bestError) = (grid, error);
        }
        return best;

        float Rounded(float scale)
        {
            if (format.HasHalfScales) scale = (float)(Half)scale;
            return float.IsFinite(scale) ? scale : throw new ArgumentException($"A scale of weights up to {size} is beyond float16; set {nameof(QuantizedFormat.HasHalfScales)} to false.");
        }
    }

    /// <summary>The code whose value is nearest.</summary>
    internal int Code(float weight) => IsNormalFloat ? NormalFloat.Code(Scale == 0 ? 0 : weight / Scale) : Scale == 0 ? Zero : (int)Math.Clamp(MathF.Round(weight / Scale) + Zero, Lowest, Highest);

    /// <summary>The sum of squared errors.</summary>
    internal double Error(ReadOnlySpan<float> weights)
    {
        double sum = 0;
        foreach (float weight in weights)
        {
            double error = weight - Value(Code(weight));
            sum += error * error;
        }
        return sum;
    }

    /// <summary>What a code stands for.</summary>
    internal float Value(int code) => IsNormalFloat ? NormalFloat.Values[code] * Scale : (code - Zero) * Scale;
}

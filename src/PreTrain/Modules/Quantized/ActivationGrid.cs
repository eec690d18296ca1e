namespace PreTrain.Modules.Quantized;

/// <summary>What the 256 codes of an activation stand for, (code − <see cref="Zero"/>) · <see cref="Scale"/>, whatever comes (Jacob et al. 2018, section 2.1).</summary>
public sealed record ActivationGrid
{
    /// <summary>Creates the grid.</summary>
    /// <param name="scale">The step from one code to the next.</param>
    /// <param name="zero">The code of 0.</param>
    /// <exception cref="ArgumentException">The scale is no positive number, or the zero point no byte.</exception>
    public ActivationGrid(float scale, int zero)
    {
        if (!(scale > 0 && float.IsFinite(scale) && float.IsFinite(1 / scale))) throw new ArgumentException(FormattableString.Invariant($"The scale of an activation ({scale}) must be a positive number whose inverse is finite."), nameof(scale));
        if (zero is < 0 or > 255) throw new ArgumentException($"The zero point of an activation ({zero}) must be from 0 to 255.", nameof(zero));
        (Scale, Zero) = (scale, zero);
    }

    /// <summary>The step from one code to the next.</summary>
    public float Scale { get; }

    /// <summary>The code of 0, from 0 to 255; 128 where the values lie around it.</summary>
    public int Zero { get; }

    /// <summary>The grid of values in a range, to which 0 is added.</summary>
    /// <param name="least">The least value.</param>
    /// <param name="largest">The largest value.</param>
    /// <param name="isSymmetric">Whether it reaches as far down as up.</param>
    /// <exception cref="ArgumentException">The range is empty or not finite.</exception>
    public static ActivationGrid Of(float least, float largest, bool isSymmetric)
    {
        if (!(least <= largest && float.IsFinite(largest - least))) throw new ArgumentException(FormattableString.Invariant($"The range of an activation ({least} to {largest}) must be finite, and its end not before its beginning."), nameof(least));
        (least, largest) = (Math.Min(least, 0), Math.Max(largest, 0));
        float scale = isSymmetric ? Math.Max(-least, largest) / 127 : (largest - least) / 255;
        if (!float.IsFinite(1 / scale)) return new(1, isSymmetric ? 128 : 0);   // nothing but zeros
        return new(scale, isSymmetric ? 128 : (int)Math.Clamp(MathF.Round(-least / scale), 0, 255));
    }
}

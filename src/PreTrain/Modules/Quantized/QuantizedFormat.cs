namespace PreTrain.Modules.Quantized;

/// <summary>How a matrix is stored in few bits: the width of a code, and how many of a row share a scale.</summary>
public sealed record QuantizedFormat
{
    /// <summary>Bits of a code, 4 or 8.</summary>
    /// <value>The default is 8.</value>
    public int Bits { get; init; } = 8;

    /// <summary>The number of neighbours along the inputs that share a scale: 32, 64 or 128; 0 for the whole row, with codes of 8 bits alone.</summary>
    /// <value>The default is 0.</value>
    public int GroupSize { get; init; }

    /// <summary>Whether one scale serves the whole matrix, with 8 bits.</summary>
    /// <value>The default is false.</value>
    public bool IsPerTensor { get; init; }

    /// <summary>
    /// Whether the 16 values of a code are quantiles of the normal distribution, times the largest weight of the group (Dettmers et al. 2023, "QLoRA", section 3, NF4), and not evenly apart: 4 bits, groups of
    /// 64 and no zero points.
    /// </summary>
    /// <value>The default is false.</value>
    public bool IsNormalFloat { get; init; }

    /// <summary>Whether the scales of <see cref="IsNormalFloat"/> are themselves rounded to 8 bits (QLoRA's double quantization).</summary>
    /// <value>The default is false.</value>
    public bool HasDoubleScales { get; init; }

    /// <summary>Whether the codes lie around zero. Otherwise each group has a zero point, so that all codes fall between its least and its largest value.</summary>
    /// <value>The default is true, the only choice with 8 bits.</value>
    public bool IsSymmetric { get; init; } = true;

    /// <summary>Whether scales are rounded to what a float16 holds, which those of 4 bits take in memory too.</summary>
    /// <value>The default is false.</value>
    public bool HasHalfScales { get; init; }

    /// <summary>8 bits, with a scale for each output.</summary>
    public static QuantizedFormat Int8 { get; } = new();

    /// <summary>NF4, with scales of 8 bits.</summary>
    public static QuantizedFormat NormalFloat4 { get; } = new() { Bits = 4, GroupSize = 64, IsNormalFloat = true, HasDoubleScales = true };

    /// <summary>4 bits, with a scale for each group of inputs of each output.</summary>
    /// <param name="groupSize">32, 64 or 128.</param>
    /// <param name="isSymmetric">Whether there are no zero points.</param>
    public static QuantizedFormat Int4(int groupSize = 64, bool isSymmetric = true) => new() { Bits = 4, GroupSize = groupSize, IsSymmetric = isSymmetric };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Bits is not (4 or 8)) faults.Add($"{nameof(Bits)} ({Bits}) must be 4 or 8.");
        if (Bits == 4 && GroupSize is not (32 or 64 or 128)) faults.Add($"{nameof(GroupSize)} ({GroupSize}) must be 32, 64 or 128 with 4 bits.");
        if (Bits == 8 && GroupSize is not (0 or 32 or 64 or 128)) faults.Add($"{nameof(GroupSize)} ({GroupSize}) must be 32, 64 or 128, or 0 for scales of whole rows.");
        if (IsPerTensor && (Bits != 8 || GroupSize != 0)) faults.Add($"{nameof(IsPerTensor)} goes with 8 bits and a {nameof(GroupSize)} of 0 (got {Bits} and {GroupSize}).");
        if (IsNormalFloat && (Bits != 4 || GroupSize != 64 || !IsSymmetric || HasHalfScales)) faults.Add($"{nameof(IsNormalFloat)} goes with 4 bits, a {nameof(GroupSize)} of 64, no zero points and no half scales.");
        if (HasDoubleScales && !IsNormalFloat) faults.Add($"{nameof(HasDoubleScales)} goes with {nameof(IsNormalFloat)}.");
        if (Bits == 8 && !IsSymmetric) faults.Add($"{nameof(IsSymmetric)} must be true with 8 bits; zero points are for 4.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    /// <summary>Requires that groups divide a row.</summary>
    internal void RequireFits(long inputs)
    {
        Validate();
        if (GroupSize > 0 && inputs % GroupSize != 0)
            throw new ArgumentException($"The number of inputs ({inputs}) must be divisible by {nameof(GroupSize)} ({GroupSize}); take a smaller group, or 8 bits.");
    }
}

namespace PreTrain.Quantization;

/// <summary>How <see cref="Quantizer.QuantizeStatic"/> chooses the grid of an activation.</summary>
public sealed record ActivationOptions
{
    /// <summary>How far it reaches.</summary>
    /// <value>The default is <see cref="ActivationRange.MinMax"/>.</value>
    public ActivationRange Range { get; init; } = ActivationRange.MinMax;

    /// <summary>The percentage of the values that lie below the grid's end, and above its beginning.</summary>
    /// <value>The default is 99.99.</value>
    public double Percentile { get; init; } = 99.99;

    /// <summary>Whether the grid reaches as far down as up, and so has no zero point.</summary>
    /// <value>The default is false.</value>
    public bool IsSymmetric { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Range)) faults.Add($"{nameof(Range)} ({Range}) must be one of {string.Join(", ", Enum.GetNames<ActivationRange>())}.");
        if (!(Percentile is > 50 and <= 100)) faults.Add(FormattableString.Invariant($"{nameof(Percentile)} ({Percentile}) must be above 50 and at most 100."));
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

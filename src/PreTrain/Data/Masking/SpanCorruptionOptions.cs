namespace PreTrain.Data.Masking;

/// <summary>How <see cref="SpanCorruption"/> works.</summary>
public sealed record SpanCorruptionOptions
{
    /// <summary>The share of the tokens that are lost.</summary>
    /// <value>The default is 0.15.</value>
    public double Rate { get; init; } = 0.15;

    /// <summary>The mean length of the lost spans, in tokens.</summary>
    /// <value>The default is 3.</value>
    public double MeanSpanLength { get; init; } = 3;

    /// <summary>Whether one more sentinel ends what is written, as the paper says. The program that trained the published models left it out.</summary>
    /// <value>The default is true.</value>
    public bool HasFinalSentinel { get; init; } = true;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Names every one that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Rate > 0 && Rate < 1)) faults.Add($"{nameof(Rate)} ({Rate}) must be more than 0 and less than 1; 0.15 is usual.");
        if (!(MeanSpanLength >= 1 && double.IsFinite(MeanSpanLength))) faults.Add($"{nameof(MeanSpanLength)} ({MeanSpanLength}) must be at least 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

namespace PreTrain.Reports;

/// <summary>What <see cref="EfficiencyMeter"/> reckons with.</summary>
public sealed record EfficiencyOptions
{
    /// <summary>What the model computes for a token; null if that is not known, and then there is no utilization.</summary>
    /// <value>The default is null.</value>
    public TransformerCost? Cost { get; init; }

    /// <summary>The operations per second that the device could do; null to measure them by a matrix product in the run's precision.</summary>
    /// <value>The default is null.</value>
    public double? PeakFlopsPerSecond { get; init; }

    /// <summary>The power that is assumed, in watts; null to read the processor's energy counter (RAPL), or not to know where it cannot be read.</summary>
    /// <value>The default is null.</value>
    public double? Watts { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (PeakFlopsPerSecond is { } peak && !(peak > 0 && double.IsFinite(peak))) faults.Add($"{nameof(PeakFlopsPerSecond)} ({peak}) must be positive.");
        if (Watts is { } watts && !(watts > 0 && double.IsFinite(watts))) faults.Add($"{nameof(Watts)} ({watts}) must be positive.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

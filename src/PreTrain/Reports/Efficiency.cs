namespace PreTrain.Reports;

/// <summary>How well a training has used the machine, in this process.</summary>
public sealed record Efficiency
{
    /// <summary>Tokens per second of training that went through the model, without evaluations and checkpoints; unlike the targets they count whether they are predicted or not.</summary>
    public required double TokensPerSecond { get; init; }

    /// <summary>Floating-point operations of the model per second; null if what a token costs is not known.</summary>
    public required double? FlopsPerSecond { get; init; }

    /// <summary>The operations per second that the device could do.</summary>
    public required double? PeakFlopsPerSecond { get; init; }

    /// <summary>Whether the peak was measured by a matrix product, and not given.</summary>
    public required bool PeakIsMeasured { get; init; }

    /// <summary>The share of the peak that the model's operations make up (MFU; Chowdhery et al. 2022, section 4.1).</summary>
    public double? Utilization => FlopsPerSecond / PeakFlopsPerSecond;

    /// <summary>Seconds so far, evaluations and checkpoints included.</summary>
    public required double Seconds { get; init; }

    /// <summary>An estimate of the seconds that are left.</summary>
    public required double RemainingSeconds { get; init; }

    /// <summary>Energy so far in joules; null if it is not known.</summary>
    public required double? EnergyJoules { get; init; }

    /// <summary>The power that was assumed for <see cref="EnergyJoules"/>, in watts; null where it was measured, or is not known.</summary>
    public required double? AssumedWatts { get; init; }

    /// <summary>An estimate of the energy of the whole run in this process, in joules.</summary>
    public double? ExpectedJoules => Seconds > 0 ? EnergyJoules * (Seconds + RemainingSeconds) / Seconds : null;
}

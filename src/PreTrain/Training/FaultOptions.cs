namespace PreTrain.Training;

/// <summary>Which steps count as faulty, and what is done about them.</summary>
public sealed record FaultOptions
{
    /// <summary>What happens when a loss or gradient norm is not finite.</summary>
    /// <value>The default is <see cref="FaultPolicy.Stop"/>.</value>
    public FaultPolicy NotFinite { get; init; } = FaultPolicy.Stop;

    /// <summary>What happens when a loss or gradient norm is far above those of the last steps; null means that nobody looks.</summary>
    /// <value>The default is null.</value>
    public FaultPolicy? Spike { get; init; }

    /// <summary>How many standard deviations above the mean of the last steps a value must be to be a spike (OLMo's optimizers that skip steps take 6).</summary>
    /// <value>The default is 6.</value>
    public double SpikeThreshold { get; init; } = 6;

    /// <summary>The last accepted steps whose mean and deviation are taken (OLMo's take 128).</summary>
    /// <value>The default is 128.</value>
    public int SpikeWindowSteps { get; init; } = 128;

    /// <summary>Accepted steps before a spike can be one.</summary>
    /// <value>The default is 64, half the window, as OLMo's have it.</value>
    public int SpikeWarmupSteps { get; init; } = 64;

    /// <summary>Faults without progress that are borne: the next one before the faulty step has been completed ends the training as <see cref="FaultPolicy.Stop"/> does.</summary>
    /// <value>The default is 10.</value>
    public int MaxInARow { get; init; } = 10;

    /// <summary>Whether a checkpoint is gone back to.</summary>
    internal bool RollsBack => NotFinite == FaultPolicy.RollBack || Spike == FaultPolicy.RollBack;

    internal IEnumerable<string> Faults()
    {
        const string policies = "Stop, Skip or RollBack";
        if (!Enum.IsDefined(NotFinite)) yield return $"{nameof(NotFinite)} ({NotFinite}) must be {policies}.";
        if (Spike is { } spike && !Enum.IsDefined(spike)) yield return $"{nameof(Spike)} ({spike}) must be {policies}, or null.";
        if (!(SpikeThreshold > 0 && double.IsFinite(SpikeThreshold))) yield return $"{nameof(SpikeThreshold)} ({SpikeThreshold}) must be positive.";
        if (SpikeWindowSteps < 2) yield return $"{nameof(SpikeWindowSteps)} ({SpikeWindowSteps}) must be at least 2.";
        if (SpikeWarmupSteps < 2 || SpikeWarmupSteps > SpikeWindowSteps)
            yield return $"{nameof(SpikeWarmupSteps)} ({SpikeWarmupSteps}) must be at least 2 and at most {nameof(SpikeWindowSteps)} ({SpikeWindowSteps}).";
        if (MaxInARow < 0) yield return $"{nameof(MaxInARow)} ({MaxInARow}) must not be negative.";
    }
}

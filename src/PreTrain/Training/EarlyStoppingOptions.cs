namespace PreTrain.Training;

/// <summary>When a training ends because the loss on the held-out data no longer falls (Prechelt 1998).</summary>
public sealed record EarlyStoppingOptions
{
    /// <summary>Evaluations in a row without an improvement after which the training ends.</summary>
    /// <value>The default is 5.</value>
    public int Patience { get; init; } = 5;

    /// <summary>How much the loss must fall below the lowest one so far to be an improvement.</summary>
    /// <value>The default is 0.</value>
    public double MinimumDelta { get; init; }

    internal IEnumerable<string> Faults()
    {
        if (Patience < 1) yield return $"{nameof(Patience)} ({Patience}) must be positive.";
        if (!(MinimumDelta >= 0 && double.IsFinite(MinimumDelta))) yield return $"{nameof(MinimumDelta)} ({MinimumDelta}) must not be negative.";
    }
}

namespace PreTrain.Optimization;

/// <summary>The constants of <see cref="ReduceOnPlateau"/>.</summary>
public sealed record PlateauOptions
{
    /// <summary>What the learning rate is multiplied with when the loss has stopped falling.</summary>
    /// <value>The default is 0.5.</value>
    public double Factor { get; init; } = 0.5;

    /// <summary>Evaluations without a better loss that are borne; the next one reduces.</summary>
    /// <value>The default is 5.</value>
    public int Patience { get; init; } = 5;

    /// <summary>A loss is better if it is below the best one times 1 minus this.</summary>
    /// <value>The default is 10⁻⁴.</value>
    public double Threshold { get; init; } = 1e-4;

    /// <summary>Evaluations after a reduction that are not counted.</summary>
    /// <value>The default is 0.</value>
    public int Cooldown { get; init; }

    /// <summary>The least that the schedule's rate is multiplied with.</summary>
    /// <value>The default is 0.01.</value>
    public double MinimumScale { get; init; } = 0.01;

    /// <summary>Every property that is out of range, its value and the rule; empty if all are right.</summary>
    public IEnumerable<string> Faults()
    {
        if (!(Factor > 0 && Factor < 1)) yield return $"{nameof(Factor)} ({Factor}) must be above 0 and below 1.";
        if (Patience < 0) yield return $"{nameof(Patience)} ({Patience}) must not be negative.";
        if (!(Threshold >= 0 && Threshold < 1)) yield return $"{nameof(Threshold)} ({Threshold}) must be at least 0 and below 1.";
        if (Cooldown < 0) yield return $"{nameof(Cooldown)} ({Cooldown}) must not be negative.";
        if (!(MinimumScale >= 0 && MinimumScale <= 1)) yield return $"{nameof(MinimumScale)} ({MinimumScale}) must be from 0 to 1.";
    }
}

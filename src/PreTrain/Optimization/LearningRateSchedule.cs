namespace PreTrain.Optimization;

/// <summary>The learning rate as a pure function of the step: a linear warm-up to the peak, then a decay to the minimum.</summary>
public sealed record LearningRateSchedule
{
    /// <summary>The highest learning rate.</summary>
    public required double Peak { get; init; }

    /// <summary>The learning rate at the end of the decay; of no effect with <see cref="LearningRateDecay.Constant"/>.</summary>
    /// <value>The default is 0.</value>
    public double Minimum { get; init; }

    /// <summary>Steps of the warm-up, the last of which has the peak.</summary>
    /// <value>The default is 0.</value>
    public int WarmupSteps { get; init; }

    /// <summary>The step at which the minimum is reached, counted from the first of the warm-up; after it, the rate stays there.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>The form of the decay.</summary>
    /// <value>The default is <see cref="LearningRateDecay.Cosine"/>.</value>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Cosine;

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">The step, from 0: the number of updates before it.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="step"/> is negative.</exception>
    public double At(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < WarmupSteps) return Peak * (step + 1) / WarmupSteps;
        double progress = step >= TotalSteps ? 1 : (double)(step - WarmupSteps) / (TotalSteps - WarmupSteps);
        return Decay switch
        {
            LearningRateDecay.Constant => Peak,
            LearningRateDecay.Linear => Minimum + (Peak - Minimum) * (1 - progress),
            LearningRateDecay.Cosine => Minimum + (Peak - Minimum) * 0.5 * (1 + Math.Cos(Math.PI * progress)),
            _ => throw new InvalidOperationException($"{nameof(Decay)} ({Decay}) is not one of Cosine, Linear and Constant."),
        };
    }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Peak > 0 && double.IsFinite(Peak))) faults.Add($"{nameof(Peak)} ({Peak}) must be positive.");
        if (!(Minimum >= 0 && Minimum <= Peak)) faults.Add($"{nameof(Minimum)} ({Minimum}) must be at least 0 and at most {nameof(Peak)} ({Peak}).");
        if (WarmupSteps < 0) faults.Add($"{nameof(WarmupSteps)} ({WarmupSteps}) must not be negative.");
        if (TotalSteps < WarmupSteps) faults.Add($"{nameof(TotalSteps)} ({TotalSteps}) must be at least {nameof(WarmupSteps)} ({WarmupSteps}).");
        if (!Enum.IsDefined(Decay)) faults.Add($"{nameof(Decay)} ({Decay}) must be Cosine, Linear or Constant.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

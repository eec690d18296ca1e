namespace PreTrain.Optimization;

/// <summary>
/// The learning rate as a pure function of the step: a linear warm-up to where the decay begins, then the decay. A resumed training needs no state of it.
/// </summary>
public sealed record LearningRateSchedule
{
    private const int DefaultTimescale = 10_000;

    /// <summary>The highest learning rate.</summary>
    public required double Peak { get; init; }

    /// <summary>The learning rate at the end of the decay; of no effect with <see cref="LearningRateDecay.Constant"/>. A decay without an end does not go below it.</summary>
    /// <value>The default is 0.</value>
    public double Minimum { get; init; }

    /// <summary>Steps of the warm-up, the last of which has the rate that the decay begins with: the peak, or the first rate of <see cref="LearningRateDecay.OneCycle"/>.</summary>
    /// <value>The default is 0.</value>
    public int WarmupSteps { get; init; }

    /// <summary>The step at which the minimum is reached, counted from the first of the warm-up; after it, the rate stays there.</summary>
    public required int TotalSteps { get; init; }

    /// <summary>The form of the decay.</summary>
    /// <value>The default is <see cref="LearningRateDecay.Cosine"/>.</value>
    public LearningRateDecay Decay { get; init; } = LearningRateDecay.Cosine;

    /// <summary>Steps of the first cosine of <see cref="LearningRateDecay.CosineRestarts"/>; null means that one takes all steps after the warm-up.</summary>
    /// <value>The default is null.</value>
    public int? CycleSteps { get; init; }

    /// <summary>How much longer each cosine of <see cref="LearningRateDecay.CosineRestarts"/> is than the one before.</summary>
    /// <value>The default is 1.</value>
    public int CycleFactor { get; init; } = 1;

    /// <summary>The power of <see cref="LearningRateDecay.Polynomial"/>.</summary>
    /// <value>The default is 2.</value>
    public double Power { get; init; } = 2;

    /// <summary>
    /// The step of <see cref="LearningRateDecay.InverseSquareRoot"/> that a rate of the peak would belong to; after four times as many steps from there it is half. Null means
    /// <see cref="WarmupSteps"/>, or 10,000 without a warm-up.
    /// </summary>
    /// <value>The default is null.</value>
    public int? TimescaleSteps { get; init; }

    /// <summary>The last steps of <see cref="LearningRateDecay.WarmupStableDecay"/>, in which the rate falls; null means a tenth of <see cref="TotalSteps"/>.</summary>
    /// <value>The default is null.</value>
    public int? DecaySteps { get; init; }

    /// <summary>How it falls in <see cref="DecaySteps"/>.</summary>
    /// <value>The default is <see cref="FinalDecay.Linear"/>.</value>
    public FinalDecay FinalDecay { get; init; } = FinalDecay.Linear;

    /// <summary>The share of the steps of <see cref="LearningRateDecay.OneCycle"/> in which the rate rises.</summary>
    /// <value>The default is 0.3.</value>
    public double RiseShare { get; init; } = 0.3;

    /// <summary>What the peak of <see cref="LearningRateDecay.OneCycle"/> is divided by for its first step.</summary>
    /// <value>The default is 25.</value>
    public double StartDivisor { get; init; } = 25;

    /// <summary>Steps between two changes of <see cref="LearningRateDecay.Step"/>; null means a third of those after the warm-up.</summary>
    /// <value>The default is null.</value>
    public int? StepSize { get; init; }

    /// <summary>What the rate is multiplied with after each <see cref="StepSize"/>.</summary>
    /// <value>The default is 0.1.</value>
    public double StepFactor { get; init; } = 0.1;

    /// <summary>Whether the decay has an end, at <see cref="TotalSteps"/>.</summary>
    public bool HasEnd => Decay is not (LearningRateDecay.Constant or LearningRateDecay.InverseSquareRoot or LearningRateDecay.Step);

    /// <summary>The learning rate of a step.</summary>
    /// <param name="step">The step, from 0: the number of updates before it.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="step"/> is negative.</exception>
    public double At(int step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < WarmupSteps) return (Decay == LearningRateDecay.OneCycle ? Peak / StartDivisor : Peak) * (step + 1) / WarmupSteps;
        double progress = step >= TotalSteps ? 1 : (double)(step - WarmupSteps) / (TotalSteps - WarmupSteps);
        return Decay switch
        {
            LearningRateDecay.Constant => Peak,
            LearningRateDecay.Linear => Minimum + (Peak - Minimum) * (1 - progress),
            LearningRateDecay.Cosine => Cosine(Peak, Minimum, progress),
            LearningRateDecay.CosineRestarts => step >= TotalSteps ? Minimum : Cosine(Peak, Minimum, CycleProgress(step - WarmupSteps)),
            LearningRateDecay.Polynomial => Minimum + (Peak - Minimum) * Math.Pow(1 - progress, Power),
            LearningRateDecay.InverseSquareRoot => Math.Max(Minimum, Peak * Math.Sqrt((double)Timescale / (step - WarmupSteps + Timescale))),
            LearningRateDecay.WarmupStableDecay => Stable(step),
            LearningRateDecay.OneCycle => OneCycle(step),
            LearningRateDecay.Step => Math.Max(Minimum, Peak * Math.Pow(StepFactor, (step - WarmupSteps) / StepLength)),
            _ => throw new InvalidOperationException($"{nameof(Decay)} ({Decay}) is not one of {Names}."),
        };
    }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        List<string> faults = [.. Faults()];
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    /// <summary>Every property that is out of range, its value and the rule; empty if all are right.</summary>
    public IEnumerable<string> Faults()
    {
        if (!(Peak > 0 && double.IsFinite(Peak))) yield return $"{nameof(Peak)} ({Peak}) must be positive.";
        if (!(Minimum >= 0 && Minimum <= Peak)) yield return $"{nameof(Minimum)} ({Minimum}) must be at least 0 and at most {nameof(Peak)} ({Peak}).";
        if (WarmupSteps < 0) yield return $"{nameof(WarmupSteps)} ({WarmupSteps}) must not be negative.";
        if (TotalSteps < WarmupSteps) yield return $"{nameof(TotalSteps)} ({TotalSteps}) must be at least {nameof(WarmupSteps)} ({WarmupSteps}).";
        if (!Enum.IsDefined(Decay)) yield return $"{nameof(Decay)} ({Decay}) must be {Names}.";
        if (CycleSteps is <= 0) yield return $"{nameof(CycleSteps)} ({CycleSteps}) must be positive.";
        if (CycleFactor < 1) yield return $"{nameof(CycleFactor)} ({CycleFactor}) must be at least 1.";
        if (!(Power > 0 && double.IsFinite(Power))) yield return $"{nameof(Power)} ({Power}) must be positive.";
        if (TimescaleSteps is <= 0) yield return $"{nameof(TimescaleSteps)} ({TimescaleSteps}) must be positive.";
        if (DecaySteps is { } decay && (decay < 0 || decay > TotalSteps - WarmupSteps))
            yield return $"{nameof(DecaySteps)} ({decay}) must be at least 0 and at most the steps after the warm-up ({TotalSteps - WarmupSteps}).";
        if (!Enum.IsDefined(FinalDecay)) yield return $"{nameof(FinalDecay)} ({FinalDecay}) must be Linear, Cosine or OneMinusSquareRoot.";
        if (!(RiseShare > 0 && RiseShare < 1)) yield return $"{nameof(RiseShare)} ({RiseShare}) must be above 0 and below 1.";
        if (!(StartDivisor >= 1 && double.IsFinite(StartDivisor))) yield return $"{nameof(StartDivisor)} ({StartDivisor}) must be at least 1.";
        if (StepSize is <= 0) yield return $"{nameof(StepSize)} ({StepSize}) must be positive.";
        if (!(StepFactor > 0 && StepFactor <= 1)) yield return $"{nameof(StepFactor)} ({StepFactor}) must be above 0 and at most 1.";
    }

    internal static string Names
    {
        get
        {
            string[] names = Enum.GetNames<LearningRateDecay>();
            return $"{string.Join(", ", names.SkipLast(1))} or {names[^1]}";
        }
    }

    private int Timescale => TimescaleSteps ?? (WarmupSteps == 0 ? DefaultTimescale : WarmupSteps);

    private int StepLength => StepSize ?? Math.Max(1, (TotalSteps - WarmupSteps) / 3);

    private static double Cosine(double from, double to, double progress) => to + (from - to) * 0.5 * (1 + Math.Cos(Math.PI * progress));

    /// <summary>The share of the current cosine that is behind.</summary>
    private double CycleProgress(int step)
    {
        long length = CycleSteps ?? TotalSteps - WarmupSteps, place = step;
        if (CycleFactor == 1) return (double)(place % length) / length;
        for (; place >= length; length *= CycleFactor) place -= length;
        return (double)place / length;
    }

    private double Stable(int step)
    {
        int decay = Math.Min(DecaySteps ?? TotalSteps / 10, TotalSteps - WarmupSteps), begin = TotalSteps - decay;
        if (step < begin) return Peak;
        double progress = step >= TotalSteps ? 1 : (double)(step - begin) / decay;
        return FinalDecay switch
        {
            FinalDecay.Cosine => Cosine(Peak, Minimum, progress),
            FinalDecay.OneMinusSquareRoot => Minimum + (Peak - Minimum) * (1 - Math.Sqrt(progress)),
            _ => Minimum + (Peak - Minimum) * (1 - progress),
        };
    }

    // As PyTorch counts: the last step, not the one after it, has the minimum.
    private double OneCycle(int step)
    {
        double place = step - WarmupSteps, steps = TotalSteps - WarmupSteps, top = RiseShare * steps - 1;
        if (place < top) return Cosine(Peak / StartDivisor, Peak, place / top);
        return Cosine(Peak, Minimum, place >= steps - 1 ? 1 : (place - top) / (steps - 1 - top));
    }
}

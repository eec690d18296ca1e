namespace PreTrain.Optimization;

/// <summary>How weights are averaged over steps.</summary>
public sealed record WeightAverageOptions
{
    /// <summary>The kind of average.</summary>
    /// <value>The default is <see cref="WeightAverageKind.Exponential"/>.</value>
    public WeightAverageKind Kind { get; init; } = WeightAverageKind.Exponential;

    /// <summary>The share d of the former average that stays in each update of <see cref="WeightAverageKind.Exponential"/>.</summary>
    /// <value>The default is 0.999.</value>
    public double Decay { get; init; } = 0.999;

    /// <summary>The first step, from 1, whose weights count.</summary>
    /// <value>The default is 1.</value>
    public int StartStep { get; init; } = 1;

    /// <summary>Steps between two updates of the average.</summary>
    /// <value>The default is 1.</value>
    public int Every { get; init; } = 1;

    /// <summary>Whether evaluations are those of the average.</summary>
    /// <value>The default is true.</value>
    public bool Evaluate { get; init; } = true;

    /// <summary>Whether the model that is saved at the end is the average. Checkpoints hold both in any case.</summary>
    /// <value>The default is true.</value>
    public bool Save { get; init; } = true;

    /// <summary>Every property that is out of range, its value and the rule; empty if all are right.</summary>
    public IEnumerable<string> Faults()
    {
        if (!Enum.IsDefined(Kind)) yield return $"{nameof(Kind)} ({Kind}) must be Exponential or Equal.";
        if (!(Decay >= 0 && Decay < 1)) yield return $"{nameof(Decay)} ({Decay}) must be at least 0 and below 1.";
        if (StartStep < 1) yield return $"{nameof(StartStep)} ({StartStep}) must be positive.";
        if (Every < 1) yield return $"{nameof(Every)} ({Every}) must be positive.";
    }
}

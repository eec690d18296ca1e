namespace PreTrain.Distillation;

/// <summary>What a <see cref="LogitCache"/> keeps.</summary>
public sealed record LogitCacheOptions
{
    /// <summary>The highest scores of a position that are kept; of the others, what they come to together. As many as the vocabulary has keeps all.</summary>
    /// <value>The default is 64.</value>
    public int TopK { get; init; } = 64;

    /// <summary>The <see cref="DistillationOptions.Temperature"/> of the trainings that read it: what the scores beyond the highest come to together is that at this temperature.</summary>
    /// <value>The default is that of <see cref="DistillationOptions"/>.</value>
    public double Temperature { get; init; } = new DistillationOptions().Temperature;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">A property is out of range.</exception>
    public void Validate()
    {
        if (TopK < 1) throw new ArgumentException($"{nameof(TopK)} ({TopK}) must be at least 1.");
        if (!(Temperature > 0 && double.IsFinite(Temperature))) throw new ArgumentException(FormattableString.Invariant($"{nameof(Temperature)} ({Temperature}) must be positive."));
    }
}

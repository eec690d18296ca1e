namespace PreTrain.FineTuning;

/// <summary>How texts without labels get some (Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural Networks").</summary>
public sealed record PseudoLabellingOptions
{
    /// <summary>The probability of its class from which a text is taken.</summary>
    /// <value>The default is 0.95.</value>
    public double Threshold { get; init; } = 0.95;

    /// <summary>How often a model is trained and texts are labelled anew.</summary>
    /// <value>The default is 2.</value>
    public int Rounds { get; init; } = 2;

    /// <summary>The most texts that are taken for each class in a round, the surest ones; 0 for all.</summary>
    /// <value>The default is 0.</value>
    public int MostOfClass { get; init; }

    /// <summary>Texts that are read at once.</summary>
    /// <value>The default is 32.</value>
    public int BatchSize { get; init; } = 32;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Threshold > 0 && Threshold <= 1)) faults.Add($"{nameof(Threshold)} ({Threshold}) must be above 0 and at most 1.");
        if (Rounds < 1) faults.Add($"{nameof(Rounds)} ({Rounds}) must be at least 1.");
        if (MostOfClass < 0) faults.Add($"{nameof(MostOfClass)} ({MostOfClass}) must not be negative.");
        if (BatchSize < 1) faults.Add($"{nameof(BatchSize)} ({BatchSize}) must be at least 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

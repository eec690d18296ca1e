namespace PreTrain.FineTuning;

/// <summary>Keys and values before those of every sequence, in every block, which alone are trained (Li and Liang 2021, "Prefix-Tuning: Optimizing Continuous Prompts for Generation").</summary>
public sealed record PrefixOptions
{
    /// <summary>The number of virtual tokens, P. The model's context is as much shorter.</summary>
    /// <value>The default is 20.</value>
    public int Length { get; init; } = 20;

    /// <summary>The deviation of the initial values.</summary>
    /// <value>The default is 0.02.</value>
    public double InitialDeviation { get; init; } = 0.02;

    /// <summary>Patterns of parameters that are trained as a whole beside them, and saved with them.</summary>
    /// <value>The default is the heads of classification, <c>*classifier*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*"];

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Length < 1) faults.Add($"{nameof(Length)} ({Length}) must be at least 1.");
        if (!(InitialDeviation >= 0 && double.IsFinite(InitialDeviation))) faults.Add($"{nameof(InitialDeviation)} ({InitialDeviation}) must not be negative.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

namespace PreTrain.Objectives;

/// <summary>How the tagging of words is learned.</summary>
public sealed record TokenClassificationOptions
{
    /// <summary>The longest row, special tokens included; longer texts are cut into several. Null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of texts that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>
    /// Whether all tokens of a word are learned, those after the first one with the tag that goes on with it. Otherwise the first one alone is, as in Devlin et al. 2019, section 5.3. What
    /// is predicted for a word is in both cases that of its first token.
    /// </summary>
    /// <value>The default is false.</value>
    public bool LabelsAllPieces { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (ContextLength < 4) faults.Add($"{nameof(ContextLength)} ({ContextLength}) must be at least 4.");
        if (!(ValidationFraction >= 0 && ValidationFraction < 1)) faults.Add($"{nameof(ValidationFraction)} ({ValidationFraction}) must be at least 0 and below 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

namespace PreTrain.Objectives;

/// <summary>How the answering of questions from a text is learned.</summary>
public sealed record QuestionAnsweringOptions
{
    /// <summary>The longest row: question, part of the text and special tokens. Null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The tokens of the text that two successive rows share where it is too long for one; null for a quarter of the row.</summary>
    /// <value>The default is null.</value>
    public int? Stride { get; init; }

    /// <summary>The share of questions that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (ContextLength < 8) faults.Add($"{nameof(ContextLength)} ({ContextLength}) must be at least 8.");
        if (Stride < 0) faults.Add($"{nameof(Stride)} ({Stride}) must not be negative.");
        if (!(ValidationFraction >= 0 && ValidationFraction < 1)) faults.Add($"{nameof(ValidationFraction)} ({ValidationFraction}) must be at least 0 and below 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

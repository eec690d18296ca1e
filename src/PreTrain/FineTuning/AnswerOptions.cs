namespace PreTrain.FineTuning;

/// <summary>How answers are looked for.</summary>
public sealed record AnswerOptions
{
    /// <summary>The most answers that are given, the most probable first.</summary>
    /// <value>The default is 1.</value>
    public int Count { get; init; } = 1;

    /// <summary>The most tokens of an answer.</summary>
    /// <value>The default is 30.</value>
    public int MaxAnswerTokens { get; init; } = 30;

    /// <summary>The best beginnings and the best ends of a row that are put together.</summary>
    /// <value>The default is 20.</value>
    public int CandidateCount { get; init; } = 20;

    /// <summary>Whether that there is no answer may be one.</summary>
    /// <value>The default is false.</value>
    public bool AllowsNoAnswer { get; init; }

    /// <summary>How much the score of no answer must exceed that of the best one for it to be given (Devlin et al. 2019, section 4.3).</summary>
    /// <value>The default is 0.</value>
    public double NoAnswerThreshold { get; init; }

    /// <summary>The tokens of the text that two successive rows share; null for a quarter of the row.</summary>
    /// <value>The default is null.</value>
    public int? Stride { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        foreach (var (name, value) in new[] { (nameof(Count), Count), (nameof(MaxAnswerTokens), MaxAnswerTokens), (nameof(CandidateCount), CandidateCount) })
            if (value < 1) faults.Add($"{name} ({value}) must be at least 1.");
        if (!double.IsFinite(NoAnswerThreshold)) faults.Add($"{nameof(NoAnswerThreshold)} ({NoAnswerThreshold}) must be finite.");
        if (Stride < 0) faults.Add($"{nameof(Stride)} ({Stride}) must not be negative.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

namespace PreTrain.FineTuning;

/// <summary>Virtual tokens whose embeddings alone are trained (Lester et al. 2021, "The Power of Scale for Parameter-Efficient Prompt Tuning").</summary>
public sealed record PromptOptions
{
    /// <summary>The number of virtual tokens, P. The model's context is as much shorter.</summary>
    /// <value>The default is 20.</value>
    public int Length { get; init; } = 20;

    /// <summary>Tokens whose embeddings the virtual ones have at first, repeated or cut to <see cref="Length"/>; null for tokens that are drawn from the vocabulary (section 3.2).</summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<int>? InitialTokens { get; init; }

    /// <summary>Patterns of parameters that are trained as a whole beside them, and saved with them.</summary>
    /// <value>The default is the heads of classification, <c>*classifier*</c>.</value>
    public IReadOnlyList<string> Trained { get; init; } = ["*classifier*"];

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Length < 1) faults.Add($"{nameof(Length)} ({Length}) must be at least 1.");
        if (InitialTokens is { Count: 0 }) faults.Add($"{nameof(InitialTokens)} must name at least one token, or be null.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

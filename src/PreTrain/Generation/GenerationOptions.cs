namespace PreTrain.Generation;

/// <summary>How the next token is chosen, and when to stop.</summary>
public sealed record GenerationOptions
{
    /// <summary>The most tokens to write.</summary>
    /// <value>The default is 64.</value>
    public int MaxNewTokens { get; init; } = 64;

    /// <summary>Divides the logits before the softmax; 0 takes the most probable token each time (greedy).</summary>
    /// <value>The default is 1.</value>
    public double Temperature { get; init; } = 1;

    /// <summary>Only this many of the most probable tokens are drawn from (Fan, Lewis and Dauphin 2018, section 5.4); 0 means all.</summary>
    /// <value>The default is 0.</value>
    public int TopK { get; init; }

    /// <summary>Only the most probable tokens that together reach this probability are drawn from (Holtzman et al. 2020, section 3.1).</summary>
    /// <value>The default is 1, which means all.</value>
    public double TopP { get; init; } = 1;

    /// <summary>The seed of the draws.</summary>
    /// <value>The default is 0.</value>
    public long Seed { get; init; }

    /// <summary>Whether the tokenizer's end-of-text token ends the text.</summary>
    /// <value>The default is true.</value>
    public bool StopAtEndOfText { get; init; } = true;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (MaxNewTokens <= 0) faults.Add($"{nameof(MaxNewTokens)} ({MaxNewTokens}) must be positive.");
        if (!(Temperature >= 0) || double.IsInfinity(Temperature)) faults.Add($"{nameof(Temperature)} ({Temperature}) must be 0 (greedy) or a positive number.");
        if (TopK < 0) faults.Add($"{nameof(TopK)} ({TopK}) must be positive, or 0 for all tokens.");
        if (!(TopP > 0 && TopP <= 1)) faults.Add($"{nameof(TopP)} ({TopP}) must be above 0 and at most 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

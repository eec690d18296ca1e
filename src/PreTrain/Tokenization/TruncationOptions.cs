namespace PreTrain.Tokenization;

/// <summary>How an encoding that is too long is cut: what <c>tokenizer.json</c> calls <c>truncation</c>.</summary>
public sealed record TruncationOptions
{
    /// <summary>No encoding is too long.</summary>
    public static TruncationOptions None { get; } = new();

    /// <summary>The largest number of tokens, special tokens included.</summary>
    /// <value>The default is <see cref="int.MaxValue"/>: no limit. Not negative.</value>
    public int MaxLength { get; init; } = int.MaxValue;

    /// <summary>Which of two texts gives way.</summary>
    /// <value>The default is <see cref="TruncationStrategy.LongestFirst"/>.</value>
    public TruncationStrategy Strategy { get; init; }

    /// <summary>How many tokens a window shares with the one before it.</summary>
    /// <value>The default is 0. Less than the tokens of a window, its special tokens not counted.</value>
    public int Stride { get; init; }

    /// <summary>On which side tokens are cut off.</summary>
    /// <value>The default is <see cref="TextSide.Right"/>.</value>
    public TextSide Side { get; init; }

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (MaxLength < 0)
            faults.Add($"MaxLength ({MaxLength}) must not be negative; it is a number of tokens.");
        if (Stride < 0)
            faults.Add($"Stride ({Stride}) must not be negative; it is a number of tokens.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

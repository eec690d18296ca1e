namespace PreTrain.Generation;

/// <summary>One text that a model wrote.</summary>
public sealed record GeneratedSequence
{
    /// <summary>The new tokens, without the one that ends a text; the last of them may reach into a stop text.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>What the new tokens say, up to a stop text; empty where there is no tokenizer.</summary>
    public string Text { get; init; } = "";

    /// <summary>Of a search with beams: the sum of the tokens' log probabilities, divided by the length to the power of <see cref="GenerationOptions.LengthPenalty"/>. Null otherwise.</summary>
    public double? Score { get; init; }
}

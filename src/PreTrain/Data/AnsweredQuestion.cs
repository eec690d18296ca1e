namespace PreTrain.Data;

/// <summary>A question about a text, with the places of the text that answer it.</summary>
public sealed record AnsweredQuestion
{
    /// <summary>What tells it from others, in messages.</summary>
    public required string Id { get; init; }

    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>The text that the answer is taken from.</summary>
    public required string Context { get; init; }

    /// <summary>The accepted answers, of which the first one is learned; none where the text does not answer the question.</summary>
    public required IReadOnlyList<TextAnswer> Answers { get; init; }

    /// <summary>Where the text comes from; what comes from one place is never held out in part. Null where each question stands for itself.</summary>
    /// <value>The default is null.</value>
    public string? Group { get; init; }
}

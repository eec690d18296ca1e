namespace PreTrain.FineTuning;

/// <summary>What a <see cref="TextClassifier"/> says of a text.</summary>
public sealed record ClassifiedText
{
    /// <summary>The most probable class; with several labels those of a probability of at least a half, in the order of the labels; none of a regression.</summary>
    public required IReadOnlyList<string> Labels { get; init; }

    /// <summary>The probability of each label, in their order: together 1 where a text has one class, each by itself where it may have several. Empty of a regression.</summary>
    public required IReadOnlyList<double> Probabilities { get; init; }

    /// <summary>The number of a regression; null of classes.</summary>
    public double? Value { get; init; }
}

namespace PreTrain.Data;

/// <summary>A text, or a pair of texts, with what a person said of it.</summary>
public sealed record LabelledText
{
    /// <summary>The text; the first one of a pair.</summary>
    public required string Text { get; init; }

    /// <summary>The second text of a pair; null for none.</summary>
    /// <value>The default is null.</value>
    public string? Pair { get; init; }

    /// <summary>The classes as places in a <see cref="LabelSet"/>: one, or in <see cref="ClassificationTask.MultiLabel"/> any number.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<int> Labels { get; init; } = [];

    /// <summary>The number of <see cref="ClassificationTask.Regression"/>.</summary>
    /// <value>The default is 0.</value>
    public double Value { get; init; }

    /// <summary>Where the text comes from; what comes from one place is never held out in part. Null where each text stands for itself.</summary>
    /// <value>The default is null.</value>
    public string? Group { get; init; }
}

namespace PreTrain.Data;

/// <summary>A text and what a model should make of it: its translation, its summary, its answer.</summary>
/// <param name="Source">The text to read.</param>
/// <param name="Target">The text to write.</param>
/// <param name="Group">Where the pair comes from; what comes from one place is never held out in part. Null where each stands for itself.</param>
public sealed record TextPair(string Source, string Target, string? Group = null);

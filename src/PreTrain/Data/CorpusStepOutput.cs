namespace PreTrain.Data;

/// <summary>Receives what a <see cref="CorpusStep"/> makes of a document.</summary>
public sealed class CorpusStepOutput
{
    internal CorpusStepOutput()
    {
    }

    internal List<string> Kept { get; } = [];

    internal string? DropReason { get; private set; }

    internal List<(string Name, long Count)> Counts { get; } = [];

    /// <summary>Hands a document on; called several times, a step cuts one into several.</summary>
    /// <param name="document">The text.</param>
    public void Keep(string document)
    {
        ArgumentNullException.ThrowIfNull(document);
        Kept.Add(document);
    }

    /// <summary>Drops the document.</summary>
    /// <param name="reason">A few words, the same for all documents with this fault: reports count them.</param>
    public void Drop(string reason)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(reason);
        DropReason = reason;
    }

    /// <summary>Counts something that was changed within the document.</summary>
    /// <param name="change">What was changed; reports add the numbers up.</param>
    /// <param name="count">How often.</param>
    public void Count(string change, long count = 1)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(change);
        if (count != 0)
            Counts.Add((change, count));
    }

    internal void Clear()
    {
        Kept.Clear();
        Counts.Clear();
        DropReason = null;
    }
}

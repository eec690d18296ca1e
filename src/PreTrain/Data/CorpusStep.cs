namespace PreTrain.Data;

/// <summary>
/// Something that is done to each document of a corpus by itself: it is changed, cut into several, or dropped for a reason. Several threads call one step at once.
/// </summary>
public abstract class CorpusStep
{
    /// <summary>The step's name in reports.</summary>
    public abstract string Name { get; }

    /// <summary>Handles one document: hands on what becomes of it, or drops it.</summary>
    /// <param name="document">The text.</param>
    /// <param name="output">Receives the result.</param>
    protected internal abstract void Process(string document, CorpusStepOutput output);

    /// <summary>What this step remembers of the documents before, within one pass; null of steps that look at each document alone.</summary>
    internal virtual StepMemory? CreateMemory() => null;
}

/// <summary>Decides about documents in their order, with what it has seen before. One thread at a time uses it.</summary>
internal abstract class StepMemory
{
    /// <summary>The part of the work that needs this document alone; several threads call it.</summary>
    public abstract object Prepare(string document);

    /// <summary>Why a document is dropped, or null to keep it; called in the order of the corpus.</summary>
    public abstract string? Decide(object prepared);

    /// <summary>What becomes of a document that was kept, by what the last call of <see cref="Decide"/> found.</summary>
    public virtual string Rewrite(string document) => document;

    /// <summary>What <see cref="Rewrite"/> changed, and how often.</summary>
    public virtual (string Name, long Count)? Change => null;
}

namespace PreTrain.Data;

/// <summary>Where <see cref="Chunking"/> may cut.</summary>
public enum ChunkUnit
{
    /// <summary>Between words.</summary>
    Words,

    /// <summary>Between sentences; only a sentence that is longer than a chunk is cut between words.</summary>
    Sentences,
}

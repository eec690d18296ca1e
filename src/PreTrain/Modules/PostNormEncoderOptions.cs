namespace PreTrain.Modules;

/// <summary>The sizes of a <see cref="PostNormEncoder"/>.</summary>
public sealed record PostNormEncoderOptions
{
    /// <summary>The number of different tokens, V.</summary>
    public required long VocabSize { get; init; }

    /// <summary>The number of learned positions.</summary>
    public required long PositionCount { get; init; }

    /// <summary>The number of different segments; 0 for a model without them.</summary>
    public required long TypeCount { get; init; }

    /// <summary>The number of blocks.</summary>
    public required int LayerCount { get; init; }

    /// <summary>What the blocks are like.</summary>
    public required PostNormBlockOptions Block { get; init; }

    /// <summary>Width of the embeddings, E; 0 means that of the blocks.</summary>
    /// <value>The default is 0.</value>
    public long EmbeddingWidth { get; init; }

    /// <summary>The number of tasks with an embedding of their own; 0 for none. The first one's is added.</summary>
    /// <value>The default is 0.</value>
    public long TaskCount { get; init; }
}

namespace PreTrain.Cli.Commands;

/// <summary>The values of <c>--loss</c> of vectors.</summary>
internal enum EmbeddingLoss
{
    /// <summary>To find what belongs to a text among the rest of a batch.</summary>
    Contrastive,

    /// <summary>The same without labels: each text belongs to itself.</summary>
    SimCse,

    /// <summary>To tell how alike two texts are.</summary>
    Cosine,
}

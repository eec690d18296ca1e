namespace PreTrain.Distillation;

/// <summary>The sizes of a student in which it differs from its teacher; null for the teacher's. Where heads or width are given, a head is as wide as the residual stream by the number of heads.</summary>
public sealed record StudentSizes
{
    /// <summary>Layers; of a model with a decoder, those of the encoder.</summary>
    /// <value>The default is null.</value>
    public int? LayerCount { get; init; }

    /// <summary>The decoder's layers; null for as many as <see cref="LayerCount"/>.</summary>
    /// <value>The default is null.</value>
    public int? DecoderLayerCount { get; init; }

    /// <summary>Attention heads of a layer.</summary>
    /// <value>The default is null.</value>
    public int? HeadCount { get; init; }

    /// <summary>Width of the residual stream, C. The feed-forward layers keep their ratio to it.</summary>
    /// <value>The default is null.</value>
    public int? EmbeddingDim { get; init; }
}

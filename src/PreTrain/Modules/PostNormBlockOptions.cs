namespace PreTrain.Modules;

/// <summary>The sizes of a <see cref="PostNormBlock"/> or <see cref="PostNormDecoderBlock"/>.</summary>
public sealed record PostNormBlockOptions
{
    /// <summary>C.</summary>
    public required long Width { get; init; }

    /// <summary>H, a divisor of <see cref="Width"/> where <see cref="HeadDim"/> is 0.</summary>
    public required int HeadCount { get; init; }

    /// <summary>The width of a head of a <see cref="PostNormBlock"/>, D; 0 for <see cref="Width"/> / <see cref="HeadCount"/>, as always in a <see cref="PostNormDecoderBlock"/>.</summary>
    /// <value>The default is 0.</value>
    public int HeadDim { get; init; }

    /// <summary>H·D.</summary>
    internal long HeadsWidth => HeadDim == 0 ? Width : HeadCount * (long)HeadDim;

    /// <summary>The width between the two maps of the feed-forward layer.</summary>
    public required long FeedForwardDim { get; init; }

    /// <summary>The function between them.</summary>
    public required Activation Activation { get; init; }

    /// <summary>Added to the variance in norms.</summary>
    public required double NormEpsilon { get; init; }

    /// <summary>The probability with which an element of a sub-layer's output is dropped in training.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether that holds for attention's output too, and not for the feed-forward layer's alone.</summary>
    /// <value>The default is true.</value>
    public bool DropsAttentionOutput { get; init; } = true;

    /// <summary>The probability with which an attention weight is dropped in training.</summary>
    public double AttentionDropout { get; init; }

    /// <summary>The probability with which an element between the two maps of the feed-forward layer is dropped in training.</summary>
    /// <value>The default is 0.</value>
    public double ActivationDropout { get; init; }
}

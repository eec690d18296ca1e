using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>What differs between the attentions of models.</summary>
public sealed record AttentionOptions
{
    /// <summary>The query heads, H.</summary>
    public required int HeadCount { get; init; }

    /// <summary>The key-value heads, G: a divisor of <see cref="HeadCount"/>; 0 means as many.</summary>
    /// <value>The default is 0.</value>
    public int KeyValueHeadCount { get; init; }

    /// <summary>What scores are multiplied with; null means 1/√D.</summary>
    /// <value>The default is null.</value>
    public double? Scale { get; init; }

    /// <summary>The probability with which a weight is dropped.</summary>
    /// <value>The default is 0.</value>
    public double Dropout { get; init; }

    /// <summary>Added to the scores, broadcast to (B, H, T, S) over the longest sequences; gradients flow into it.</summary>
    /// <value>The default is null.</value>
    public Tensor? Bias { get; init; }

    /// <summary>Whether the weights and the values are wanted.</summary>
    /// <value>The default is false.</value>
    public bool WantWeights { get; init; }

    /// <summary>Keys and values that all queries see besides; null for none.</summary>
    internal AttentionPrefix? Prefix { get; init; }

    /// <summary>The key-value heads.</summary>
    internal int KeyValueHeads => KeyValueHeadCount == 0 ? HeadCount : KeyValueHeadCount;
}

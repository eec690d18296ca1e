// B sequences, T tokens, U tokens of the decoder, P patches
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>What a model takes; each takes what it knows, and says so of what it does not.</summary>
public sealed record ModelInput
{
    /// <summary>The tokens, (B, T) of 64-bit integers.</summary>
    public Tensor? Ids { get; init; }

    /// <summary>Where there is a token, (B, T): 1 or 0; null where all are.</summary>
    public Tensor? AttentionMask { get; init; }

    /// <summary>Each token's segment, (B, T) of 64-bit integers; null for all 0.</summary>
    public Tensor? TokenTypeIds { get; init; }

    /// <summary>
    /// How many tokens at the beginning of each sequence see each other, (B), while each later one sees those before it: 0 for none, all tokens for a whole
    /// sequence. Null for what the model does by itself.
    /// </summary>
    public IReadOnlyList<int>? PrefixLengths { get; init; }

    /// <summary>The decoder's tokens, (B, U) of 64-bit integers.</summary>
    public Tensor? DecoderIds { get; init; }

    /// <summary>Where the decoder has a token, (B, U); null where all are.</summary>
    public Tensor? DecoderAttentionMask { get; init; }

    /// <summary>Images, (B, channels, height, width).</summary>
    public Tensor? PixelValues { get; init; }

    /// <summary>Numbers whose order chooses the patches that a masked autoencoder hides: those with the highest, (B, P); null to draw them.</summary>
    public Tensor? MaskNoise { get; init; }

    /// <summary>Whether the hidden states of every layer are wanted.</summary>
    public bool WantHiddenStates { get; init; }

    /// <summary>Whether the last of the hidden states is wanted before the norm behind the last layer, where a model has one.</summary>
    internal bool WantsStream { get; init; }

    /// <summary>Whether the attention weights of every layer are wanted.</summary>
    public bool WantAttentions { get; init; }

    /// <summary>Whether the values that attention weighs are wanted of every layer.</summary>
    public bool WantValues { get; init; }
}

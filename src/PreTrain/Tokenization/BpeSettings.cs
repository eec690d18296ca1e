namespace PreTrain.Tokenization;

/// <summary>What a BPE model does besides merging; the names are those of Hugging Face's <c>BPE</c>.</summary>
internal sealed record BpeSettings
{
    /// <summary>The token of a character that the vocabulary lacks; without one such characters vanish.</summary>
    public string? UnknownToken { get; init; }

    /// <summary>Whether unknown characters in a row become one token.</summary>
    public bool FuseUnknown { get; init; }

    /// <summary>Whether an unknown character becomes the tokens of its bytes, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    public bool ByteFallback { get; init; }

    /// <summary>Put before each character of a word but the first.</summary>
    public string? ContinuingPrefix { get; init; }

    /// <summary>Put after the last character of a word.</summary>
    public string? EndOfWordSuffix { get; init; }

    /// <summary>Whether a piece that is a token as a whole is taken as that, whatever the merges say.</summary>
    public bool IgnoreMerges { get; init; }

    /// <summary>The chance that a merge is skipped. Above 0 every encoding is a random one.</summary>
    public double Dropout { get; init; }

    /// <summary>Whether the symbols of a piece are its UTF-8 bytes, which the vocabulary spells in GPT-2's alphabet.</summary>
    public bool ByteLevel { get; init; }
}

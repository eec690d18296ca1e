namespace Microsoft.ML.Tokenizers;

/// <summary>How a text is to be encoded.</summary>
public struct EncodeSettings
{
    /// <summary>No normalization, no pre-tokenization, and no limit on the number of tokens.</summary>
    public EncodeSettings() => MaxTokenCount = int.MaxValue;

    /// <summary>Whether the tokenizer's normalizer is applied.</summary>
    public bool ConsiderNormalization { get; set; }

    /// <summary>Whether the tokenizer's pre-tokenizer is applied.</summary>
    public bool ConsiderPreTokenization { get; set; }

    /// <summary>The largest number of tokens to produce.</summary>
    public int MaxTokenCount { get; set; }
}

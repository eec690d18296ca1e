namespace Microsoft.ML.Tokenizers;

/// <summary>What an encoding produced, and how much of the text it covers.</summary>
/// <typeparam name="T">An id, or an <see cref="EncodedToken"/>.</typeparam>
public struct EncodeResults<T>
{
    /// <summary>The tokens, in the order of the text.</summary>
    public IReadOnlyList<T> Tokens { get; set; }

    /// <summary>The text after normalization; <see langword="null"/> if nothing was normalized.</summary>
    public string? NormalizedText { get; set; }

    /// <summary>How many characters of the (normalized) text the tokens cover.</summary>
    public int CharsConsumed { get; set; }
}

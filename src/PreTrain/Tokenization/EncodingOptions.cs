namespace PreTrain.Tokenization;

/// <summary>How <see cref="TextTokenizer.Tokenize"/> and <see cref="TextTokenizer.TokenizeBatch"/> encode.</summary>
public sealed record EncodingOptions
{
    /// <summary>The whole of a text as a model reads it: neither cut nor filled up, whatever the tokenizer's file says.</summary>
    public static EncodingOptions Whole { get; } = new() { Truncation = TruncationOptions.None, Padding = PaddingOptions.None };

    /// <summary>Whether the special tokens of the tokenizer's template are put around the texts.</summary>
    /// <value>The default is <see langword="true"/>.</value>
    public bool AddSpecialTokens { get; init; } = true;

    /// <summary>How encodings that are too long are cut; <see langword="null"/> for what the tokenizer's file says.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public TruncationOptions? Truncation { get; init; }

    /// <summary>How encodings are filled up; <see langword="null"/> for what the tokenizer's file says.</summary>
    /// <value>The default is <see langword="null"/>.</value>
    public PaddingOptions? Padding { get; init; }

    /// <summary>In what the places of tokens are counted.</summary>
    /// <value>The default is <see cref="OffsetUnit.Utf16"/>.</value>
    public OffsetUnit Offsets { get; init; }

    /// <summary>Whether the windows that truncation cuts off become rows of a batch too.</summary>
    /// <value>The default is <see langword="false"/>.</value>
    public bool IncludeWindows { get; init; }

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        Truncation?.Validate();
        Padding?.Validate();
    }
}

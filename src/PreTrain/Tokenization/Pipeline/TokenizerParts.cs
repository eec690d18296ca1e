namespace PreTrain.Tokenization.Pipeline;

/// <summary>What a tokenizer is made of, as <c>tokenizer.json</c> and the files beside it have it. Immutable.</summary>
internal sealed record TokenizerParts
{
    public required ITokenModel Model { get; init; }

    /// <summary>The added tokens in the order of their ids.</summary>
    public IReadOnlyList<AddedToken> AddedTokens { get; init; } = [];

    public ITextNormalizer? Normalizer { get; init; }

    public ITextSplitter? PreTokenizer { get; init; }

    public IPostProcessor? PostProcessor { get; init; }

    public ITokenDecoder? Decoder { get; init; }

    public TruncationOptions? Truncation { get; init; }

    public PaddingOptions? Padding { get; init; }

    /// <summary>The other files of the folder.</summary>
    public TokenizerSettings Settings { get; init; } = TokenizerSettings.Empty;
}

namespace PreTrain.Tokenization;

/// <summary>Whole words: each is a token, or unknown.</summary>
internal sealed class WordLevelModel(TokenVocabulary vocabulary, string unknownToken = "<unk>") : ITokenModel
{
    private readonly int? _unknownId = vocabulary.IdOf(unknownToken);

    public TokenVocabulary Vocabulary { get; } = vocabulary;

    /// <summary>The token of every other word.</summary>
    public string UnknownToken { get; } = unknownToken;

    /// <inheritdoc/>
    public int Size => Vocabulary.Size;

    /// <inheritdoc/>
    public string? TokenOf(int id) => Vocabulary.TokenOf(id);

    /// <inheritdoc/>
    public int? IdOf(string token) => Vocabulary.IdOf(token);

    /// <inheritdoc/>
    public void Encode(ReadOnlySpan<char> piece, TokenBuffer output)
    {
        if (!Vocabulary.TryFind(piece, out int id))
            id = _unknownId ?? throw new InvalidOperationException($"The word '{piece}' is not in the vocabulary, and neither is the unknown token '{UnknownToken}'; add it to the vocabulary.");
        output.Add(id, 0, piece.Length);
    }
}

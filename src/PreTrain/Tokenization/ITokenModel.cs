namespace PreTrain.Tokenization;

/// <summary>The part of a tokenizer that turns one pre-token, a piece of normalized text, into tokens: BPE, WordPiece, Unigram or whole words. Safe for concurrent use.</summary>
internal interface ITokenModel
{
    /// <summary>The highest id plus one.</summary>
    int Size { get; }

    /// <summary>The token with this id as the vocabulary spells it; <see langword="null"/> if there is none.</summary>
    string? TokenOf(int id);

    /// <summary>The id of a token as the vocabulary spells it; <see langword="null"/> if there is none.</summary>
    int? IdOf(string token);

    /// <summary>Appends the tokens of one piece, with their places in it.</summary>
    void Encode(ReadOnlySpan<char> piece, TokenBuffer output);
}

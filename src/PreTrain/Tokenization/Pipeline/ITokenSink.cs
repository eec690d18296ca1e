namespace PreTrain.Tokenization.Pipeline;

/// <summary>Takes the tokens of a text as they are found.</summary>
internal interface ITokenSink
{
    /// <summary>Whether the places of the tokens in the original text matter.</summary>
    bool NeedsPlaces { get; }

    /// <summary>Whether it has had enough.</summary>
    bool IsFull { get; }

    /// <summary>Takes an added token.</summary>
    /// <param name="id">Its id.</param>
    /// <param name="matched">What it was found as, with the white space that it takes along.</param>
    /// <param name="place">Its place in the original text.</param>
    void AddToken(int id, ReadOnlySpan<char> matched, TokenSpan place);

    /// <summary>Takes the tokens of a piece.</summary>
    void AddPiece(WorkText text, Piece piece, TokenBuffer tokens);
}

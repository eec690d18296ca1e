namespace PreTrain.Tokenization.Pipeline;

/// <summary>Keeps all there is to know of each token.</summary>
/// <param name="draft">Where the tokens go.</param>
/// <param name="sequence">0 for the first text, 1 for the second.</param>
/// <param name="limit">With more tokens than this it has had enough.</param>
/// <param name="model">The model, which knows how tokens are spelled.</param>
internal struct DraftSink(EncodingDraft draft, int sequence, int limit, ITokenModel model) : ITokenSink
{
    private readonly int _surfaceId = model is UnigramModel { UnknownId: { } id } ? id : -1;   // a token that is called what it stands for
    private int _word;

    public readonly bool NeedsPlaces => true;

    public readonly bool IsFull => draft.Count > limit;

    public void AddToken(int id, ReadOnlySpan<char> matched, TokenSpan place) => draft.Add(id, matched.ToString(), place, _word++, sequence);

    public void AddPiece(WorkText text, Piece piece, TokenBuffer tokens)
    {
        for (int i = 0; i < tokens.Count; i++)
        {
            int id = tokens.Ids[i], start = piece.Start + tokens.Starts[i], end = piece.Start + tokens.Ends[i];
            string token = id == _surfaceId ? text.Chars[start..end].ToString() : model.TokenOf(id)!;
            TokenSpan place = start < end
                ? new TokenSpan(text.OriginalStart(start), text.OriginalEnd(end - 1))
                : new TokenSpan(text.OriginalStart(Math.Min(start, piece.End - 1)), text.OriginalStart(Math.Min(start, piece.End - 1)));
            draft.Add(id, token, place, _word, sequence);
        }

        _word++;
    }
}

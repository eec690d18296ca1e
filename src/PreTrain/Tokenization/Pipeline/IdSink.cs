namespace PreTrain.Tokenization.Pipeline;

/// <summary>Keeps ids alone, or only counts them.</summary>
internal struct IdSink(List<int>? ids) : ITokenSink
{
    /// <summary>The number of tokens.</summary>
    public long Count { get; private set; }

    public readonly bool NeedsPlaces => false;

    public readonly bool IsFull => false;

    public void AddToken(int id, ReadOnlySpan<char> matched, TokenSpan place)
    {
        ids?.Add(id);
        Count++;
    }

    public void AddPiece(WorkText text, Piece piece, TokenBuffer tokens)
    {
        ids?.AddRange(tokens.Ids);
        Count += tokens.Count;
    }
}

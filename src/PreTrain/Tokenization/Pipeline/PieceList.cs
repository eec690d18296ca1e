namespace PreTrain.Tokenization.Pipeline;

/// <summary>The pieces of a <see cref="WorkText"/>, in its order. They may leave parts of it out. It is used again for many texts.</summary>
internal sealed class PieceList(WorkText text)
{
    private Piece[] _pieces = new Piece[64];
    private Piece[] _next = new Piece[64];
    private int _count;
    private int _nextCount;

    /// <summary>The text.</summary>
    public WorkText Text { get; } = text;

    /// <summary>The pieces.</summary>
    public ReadOnlySpan<Piece> Pieces => _pieces.AsSpan(0, _count);

    /// <summary>Begins with one piece.</summary>
    public void Reset(Piece piece)
    {
        _pieces[0] = piece;
        _count = piece.Length > 0 ? 1 : 0;
        _nextCount = 0;
    }

    /// <summary>Adds a piece to the list that comes next; nothing if it is empty.</summary>
    public void Add(int start, int end)
    {
        if (start >= end)
            return;
        if (_nextCount == _next.Length)
            Array.Resize(ref _next, 2 * _nextCount);
        _next[_nextCount++] = new Piece(start, end);
    }

    /// <summary>Takes the pieces that were added in the place of the old ones.</summary>
    public void Commit()
    {
        (_pieces, _next) = (_next, _pieces);
        (_count, _nextCount) = (_nextCount, 0);
    }
}

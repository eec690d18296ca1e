namespace PreTrain.Tokenization.Pipeline;

/// <summary>Cuts documents into words as a pipeline does: normalized, then cut by its pre-tokenizer. Documents are not cut before that.</summary>
internal sealed class PipelineWordSplitter(ITextNormalizer? normalizer, ITextSplitter? splitter) : IWordSplitter
{
    [ThreadStatic]
    private static PieceList? t_pieces;

    /// <inheritdoc/>
    public void Count(ReadOnlySpan<char> text, WordCounter words)
    {
        PieceList pieces = t_pieces ??= new PieceList(new WorkText());
        pieces.Text.Load(text, 0, tracks: splitter is { NeedsPlaces: true } && normalizer is not null);
        normalizer?.Normalize(pieces.Text);
        pieces.Reset(new Piece(0, pieces.Text.Length));
        splitter?.Split(pieces);
        foreach (Piece piece in pieces.Pieces)
            words.Add(pieces.Text.Chars[piece.Start..piece.End], 1);
    }

    /// <inheritdoc/>
    public bool IsCertainBoundary(string document, int index) => false;
}

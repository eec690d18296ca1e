namespace PreTrain.Tokenization.Pipeline;

/// <summary>What one encoding at a time needs: used again for many texts, by one thread at a time.</summary>
internal sealed class PipelineState
{
    public WorkText Text { get; } = new();

    /// <summary>A part of the text between two added tokens.</summary>
    public PieceList Pieces { get; } = new(new WorkText());

    public PieceList WholePieces => _wholePieces ??= new PieceList(Text);

    public TokenBuffer Tokens { get; } = new();

    /// <summary>How words are cut at random; <see langword="null"/> for the best way.</summary>
    public Sampling? Sampling { get; set; }

    private PieceList? _wholePieces;
}

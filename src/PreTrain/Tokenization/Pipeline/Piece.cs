namespace PreTrain.Tokenization.Pipeline;

/// <summary>A piece of a text.</summary>
internal readonly record struct Piece(int Start, int End)
{
    public int Length => End - Start;
}

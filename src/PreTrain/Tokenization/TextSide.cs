namespace PreTrain.Tokenization;

/// <summary>A side of a text.</summary>
public enum TextSide
{
    /// <summary>The end of the text.</summary>
    Right,

    /// <summary>The beginning of the text.</summary>
    Left,
}

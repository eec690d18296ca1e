namespace PreTrain.Data;

/// <summary>A part of a text that answers a question.</summary>
/// <param name="Text">The answer, as it stands in the text.</param>
/// <param name="Start">Where it begins in the text, in UTF-16 units.</param>
public sealed record TextAnswer(string Text, int Start)
{
    /// <summary>Where it ends, exclusive.</summary>
    public int End => Start + Text.Length;
}

namespace Microsoft.ML.Tokenizers;

/// <summary>Cuts a text into the pieces that tokens never cross.</summary>
public abstract class PreTokenizer
{
    /// <summary>Returns the pieces of a text, each as its offset and its length in characters.</summary>
    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(string text);

    /// <summary>Returns the pieces of a text, each as its offset and its length in characters.</summary>
    public abstract IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text);
}

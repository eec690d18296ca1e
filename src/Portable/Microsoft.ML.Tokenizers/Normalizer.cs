namespace Microsoft.ML.Tokenizers;

/// <summary>Rewrites a text before it is cut into tokens.</summary>
public abstract class Normalizer
{
    /// <summary>Returns the normalized form of a text.</summary>
    public abstract string Normalize(string original);

    /// <summary>Returns the normalized form of a text.</summary>
    public abstract string Normalize(ReadOnlySpan<char> original);
}

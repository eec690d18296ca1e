namespace PreTrain.Tokenization.Patterns;

/// <summary>A pattern that covers every text without a gap, as code of its own. A type argument, so that it is compiled into the loop that uses it.</summary>
internal interface IWordScanner
{
    /// <summary>The end of the match that begins at <paramref name="start"/>, which must lie within the text and be the end of another match or 0.</summary>
    static abstract int EndOfWord(ReadOnlySpan<char> text, int start);
}

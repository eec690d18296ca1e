namespace PreTrain.Tokenization;

/// <summary>Cuts documents into the words that a tokenizer is trained on. Safe for concurrent use.</summary>
internal interface IWordSplitter
{
    /// <summary>Counts the words of a text.</summary>
    void Count(ReadOnlySpan<char> text, WordCounter words);

    /// <summary>Whether a document can be cut before this character, with the same words whatever stands on the other side.</summary>
    bool IsCertainBoundary(string document, int index);
}

using PreTrain.Tokenization.Patterns;

namespace PreTrain.Tokenization;

/// <summary>Cuts documents into words with GPT-2's pattern.</summary>
internal sealed class Gpt2WordSplitter : IWordSplitter
{
    private Gpt2WordSplitter()
    {
    }

    public static Gpt2WordSplitter Instance { get; } = new();

    /// <inheritdoc/>
    public void Count(ReadOnlySpan<char> text, WordCounter words)
    {
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Gpt2Scanner.EndOfWord(text, start);
            words.Add(text[start..end], 1);
        }
    }

    /// <inheritdoc/>
    public bool IsCertainBoundary(string document, int index) => Gpt2PreTokenizer.IsCertainBoundary(document, index);
}

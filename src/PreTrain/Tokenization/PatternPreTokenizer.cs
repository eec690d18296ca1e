using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Patterns;

namespace PreTrain.Tokenization;

/// <summary>Cuts a text into the matches of a pattern that covers it.</summary>
internal sealed class PatternPreTokenizer(TextPattern pattern) : PreTokenizer
{
    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text) => PreTokenize(text.AsSpan());

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        for (int from = 0; pattern.TryFind(text, from, -1, out int start, out int end); from = end)
            pieces.Add((start, end - start));
        return pieces;
    }
}

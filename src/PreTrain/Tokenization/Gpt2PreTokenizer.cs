using Microsoft.ML.Tokenizers;
using PreTrain.Tokenization.Patterns;

namespace PreTrain.Tokenization;

/// <summary>
/// Cuts a text as GPT-2 does, into the matches of
/// <c>'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+</c> (Radford et al. 2019). The matches cover the text without
/// a gap. A hand-written scanner: one table look-up per character, no backtracking, and characters outside the basic plane count as
/// what they are, where a .NET regular expression sees two surrogates.
/// </summary>
public sealed class Gpt2PreTokenizer : PreTokenizer
{
    private Gpt2PreTokenizer()
    {
    }

    /// <summary>The only instance; it has no state.</summary>
    public static Gpt2PreTokenizer Instance { get; } = new();

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return PreTokenize(text.AsSpan());
    }

    /// <inheritdoc/>
    public override IEnumerable<(int Offset, int Length)> PreTokenize(ReadOnlySpan<char> text)
    {
        var pieces = new List<(int, int)>();
        for (int start = 0, end; start < text.Length; start = end)
        {
            end = Gpt2Scanner.EndOfWord(text, start);
            pieces.Add((start, end - start));
        }

        return pieces;
    }

    /// <summary>Whether a word may be cut before <paramref name="index"/> whatever surrounds it: a letter, then a blank, then a letter.</summary>
    internal static bool IsCertainBoundary(ReadOnlySpan<char> text, int index) =>
        index > 0 && index + 1 < text.Length && text[index] == ' '
        && CharacterKinds.Of(text[index - 1]) == CharacterKinds.Letter && CharacterKinds.Of(text[index + 1]) == CharacterKinds.Letter;
}

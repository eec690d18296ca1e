using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>The tokens around a text: <c>[CLS] … [SEP]</c>, <c>&lt;s&gt; … &lt;/s&gt;</c>, or none.</summary>
/// <param name="First">Before a text.</param>
/// <param name="Last">After it.</param>
/// <param name="Padding">What fills short rows; it is not read.</param>
internal sealed record TextFrame(int? First, int? Last, int Padding)
{
    internal static TextFrame Of(TextTokenizer tokenizer)
    {
        SpecialTokenIds special = tokenizer.SpecialTokens;
        return new(special.Classification ?? special.BeginOfText, special.Separator ?? special.EndOfText, special.Padding ?? 0);
    }

    /// <exception cref="ArgumentException">A writer would not learn where to stop.</exception>
    internal static void RequireEnd(TextTokenizer tokenizer)
    {
        if (Of(tokenizer).Last is null) throw new ArgumentException("The tokenizer has no token that ends a text, so a model could not learn where to stop. Train one with </s> among its special tokens.", nameof(tokenizer));
    }

    /// <summary>The token before two texts, that behind each, and padding.</summary>
    internal static (int First, int Separator, int Padding) Pair(TextTokenizer tokenizer) => Of(tokenizer) is { First: { } first, Last: { } last, Padding: var padding } ? (first, last, padding)
        : throw new ArgumentException("The tokenizer has no tokens for the beginning of a text and between two. Train one with [CLS] and [SEP] among its special tokens.", nameof(tokenizer));

    /// <summary>Tokens of two texts in a row.</summary>
    internal static int PairLength(int rowLength) => rowLength >= 5 ? rowLength - 3
        : throw new ArgumentException($"A context of {rowLength} tokens leaves no room for two segments between the three tokens around them. Use a longer one.");

    /// <summary>Tokens of a text in a row.</summary>
    internal int TextLength(int rowLength)
    {
        int length = rowLength - (First is null ? 0 : 1) - (Last is null ? 0 : 1);
        return length > 0 ? length : throw new ArgumentException($"A context of {rowLength} tokens leaves no room for text between the tokens around it. Use a longer one.");
    }

    /// <summary>A row: the text between these tokens.</summary>
    internal long[] Around(long[] text) => [.. First is { } first ? [first] : Array.Empty<long>(), .. text, .. Last is { } last ? [last] : Array.Empty<long>()];
}

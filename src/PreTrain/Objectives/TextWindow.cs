using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>A row of tokens that a text, or a question and a part of a text, was cut into.</summary>
/// <param name="Ids">The tokens, special ones included.</param>
/// <param name="Types">Each token's segment.</param>
/// <param name="Offsets">Where each token stands in the text; empty for tokens that are not of it.</param>
internal sealed record TextWindow(long[] Ids, long[] Types, TokenSpan[] Offsets)
{
    /// <summary>Cuts a text.</summary>
    /// <param name="tokenizer">Encodes.</param>
    /// <param name="text">The text.</param>
    /// <param name="question">What stands before each part of the text; null for nothing.</param>
    /// <param name="length">The most tokens of a row, special ones included.</param>
    /// <param name="stride">The tokens of the text that two successive rows share.</param>
    internal static TextWindow[] Cut(TextTokenizer tokenizer, string text, string? question, int length, int stride)
    {
        var truncation = new TruncationOptions { MaxLength = length, Stride = stride, Strategy = question is null ? TruncationStrategy.OnlyFirst : TruncationStrategy.OnlySecond };
        TokenEncoding whole = tokenizer.Tokenize(question ?? text, question is null ? null : text, new() { Truncation = truncation, Padding = PaddingOptions.None });
        int sequence = question is null ? 0 : 1;
        return [.. whole.Overflow.Prepend(whole).Select(Of)];

        TextWindow Of(TokenEncoding window)
        {
            var offsets = new TokenSpan[window.Count];
            for (int t = 0; t < offsets.Length; t++) offsets[t] = window.SequenceIds[t] == sequence && window.SpecialTokensMask[t] == 0 ? window.Offsets[t] : default;
            return new(Array.ConvertAll(window.Ids.ToArray(), id => (long)id), Array.ConvertAll(window.TypeIds.ToArray(), type => (long)type), offsets);
        }
    }

    /// <summary>Whether a token is of the text.</summary>
    internal bool IsOfText(int token) => Offsets[token].End > Offsets[token].Start;

    /// <summary>A batch of rows, filled up to the longest.</summary>
    internal static Batch ToBatch(IReadOnlyList<TextWindow> windows, IReadOnlyList<long[]> targets, long padding, bool knowsTypes)
    {
        Batch batch = RowBatch.Of([.. windows.Select(window => window.Ids)], targets, padding);
        return knowsTypes ? batch with { TokenTypes = RowBatch.Pad([.. windows.Select(window => window.Types)], batch.Length, 0) } : batch;
    }
}

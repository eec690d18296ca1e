using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Objectives;

/// <summary>Batches of texts whose vectors are compared.</summary>
internal static class SentenceRows
{
    /// <summary>Requires a model to know all of a tokenizer's tokens.</summary>
    internal static void Require(SentenceEncoder model, TextTokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        if (model.VocabSize < tokenizer.VocabSize)
            throw new ArgumentException($"The tokenizer's vocabulary ({tokenizer.VocabSize}) exceeds the model's ({model.VocabSize}). Use the model's tokenizer.", nameof(model));
    }

    /// <summary>A row for each text.</summary>
    /// <param name="model">The model, whose longest text rows keep.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="texts">The texts.</param>
    /// <param name="examples">The comparisons, which are what counts.</param>
    internal static Batch Of(SentenceEncoder model, TextTokenizer tokenizer, IReadOnlyList<string> texts, int examples)
    {
        using TokenBatch rows = model.Tokenize(tokenizer, texts);
        long[] mask = rows.AttentionMask.ToArray();
        return new()
        {
            Inputs = rows.Ids.ToArray(),
            Targets = new long[rows.RowCount],
            Rows = rows.RowCount,
            Length = rows.Length,
            ValidTargets = examples,
            AttentionMask = mask.Contains(0) ? mask : null,
            TokenTypes = model.KnowsTypes ? rows.TypeIds.ToArray() : null,
        };
    }
}

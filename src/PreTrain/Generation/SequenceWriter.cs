using System.Numerics.Tensors;

namespace PreTrain.Generation;

/// <summary>Draws tokens for rows that are written side by side, each with its own numbers.</summary>
internal static class SequenceWriter
{
    /// <summary>Writes until every row has ended.</summary>
    /// <param name="rows">The rows, those of one prompt next to each other; whoever reads the tokens may finish one between two tokens.</param>
    /// <param name="options">The options.</param>
    /// <param name="endId">The token that ends a text, if any.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>Each new token and its row.</returns>
    internal static IEnumerable<(int Row, int Token)> Draw(WritingRows rows, GenerationOptions options, int? endId, CancellationToken cancellationToken)
    {
        var rules = new TokenRules(options, endId);
        TokenSampler[] samplers = [.. Enumerable.Range(0, rows.Count).Select(row => new TokenSampler(options, row % options.SequenceCount))];
        for (int written = 0; written < rows.Limit && !rows.AllFinished; written++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            float[] logits = rows.Next();
            for (int row = 0; row < rows.Count; row++)
            {
                if (rows.IsFinished(row)) continue;
                int? next = Choose(rows, row, written, logits.AsSpan(row * rows.VocabSize, rows.VocabSize), rules, samplers[row]);
                if (next is not { } token || token == endId)
                {
                    rows.Finish(row);
                    continue;
                }
                rows.Append(row, token);
                yield return (row, token);
            }
        }
    }

    /// <summary>Chooses the next token of a row; null if the rules leave none.</summary>
    private static int? Choose(WritingRows rows, int row, int written, Span<float> logits, TokenRules rules, TokenSampler sampler)
    {
        if (rules.Any)
        {
            int best = TensorPrimitives.IndexOfMax<float>(logits);
            if (!float.IsFinite(logits[best])) throw TokenSampler.NotFinite(best, logits[best]);
            rules.Apply(rows.Tokens(row), written, logits);
            if (float.IsNegativeInfinity(TensorPrimitives.Max<float>(logits))) return null;
        }
        return sampler.Next(logits);
    }
}

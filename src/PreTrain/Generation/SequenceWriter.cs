using System.Numerics.Tensors;
using PreTrain.Models;

namespace PreTrain.Generation;

/// <summary>Draws tokens for rows that are written side by side, each with its own numbers.</summary>
internal static class SequenceWriter
{
    /// <summary>Writes until every row has ended.</summary>
    /// <param name="rows">The rows, those of one prompt next to each other; whoever reads the tokens may finish one between two tokens.</param>
    /// <param name="options">The options.</param>
    /// <param name="endIds">The tokens of which each ends a text.</param>
    /// <param name="model">What the model must and must not write.</param>
    /// <param name="cancellationToken">Ends the writing.</param>
    /// <returns>Each new token and its row.</returns>
    internal static IEnumerable<(int Row, int Token)> Draw(WritingRows rows, GenerationOptions options, IReadOnlyList<int> endIds, WritingRules model, CancellationToken cancellationToken)
    {
        var rules = new TokenRules(options, endIds, model, rows.Limit);
        TokenSampler[] samplers = [.. Enumerable.Range(0, rows.Count).Select(row => new TokenSampler(options, row % options.SequenceCount))];
        for (int written = 0; written < rows.Limit && !rows.AllFinished; written++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            float[] logits = rows.Next();
            for (int row = 0; row < rows.Count; row++)
            {
                if (rows.IsFinished(row)) continue;
                int? next = Choose(rows, row, written, logits.AsSpan(row * rows.VocabSize, rows.VocabSize), rules, samplers[row]);
                if (next is not { } token || endIds.Contains(token))
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

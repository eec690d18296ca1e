using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Modules;
using PreTrain.Tokenization.Chat;
using PreTrain.Torch;

namespace PreTrain.Objectives;

/// <summary>
/// Conversations as rows whose targets are the model's tokens alone, one in each place of a batch, or as many as fit. As in <see cref="PackedRows"/>, what shares a place is a row of its own,
/// which no other one sees.
/// </summary>
internal sealed class AnswerRows
{
    private readonly PackedRow[] _rows;
    private readonly int[][] _places;
    private readonly long _padding;

    private AnswerRows(PackedRow[] rows, int[][] places, long padding) => (_rows, _places, _padding) = (rows, places, padding);

    /// <summary>Makes rows.</summary>
    /// <param name="texts">Conversations; what lies behind the longest row is cut off, and one of which no target is left is left out.</param>
    /// <param name="length">Inputs of the longest row.</param>
    /// <param name="packs">Whether a place holds as many rows as fit.</param>
    /// <param name="padding">What fills short rows; it is not read.</param>
    /// <exception cref="CorpusException">No conversation is left.</exception>
    internal static AnswerRows Of(IReadOnlyList<ChatTokens> texts, int length, bool packs, long padding) => OfFitting(texts, length, packs, padding)
        ?? throw new CorpusException($"In none of the {texts.Count} conversations does an answer begin within the first {length} tokens. Use a longer context, or shorter conversations.");

    /// <summary>Makes rows; null where no conversation is left.</summary>
    /// <inheritdoc cref="Of"/>
    internal static AnswerRows? OfFitting(IReadOnlyList<ChatTokens> texts, int length, bool packs, long padding)
    {
        PackedRow[] rows = [.. texts.Select(text => Row(text, length)).Where(row => Array.Exists(row.Targets, target => target != CrossEntropy.Ignored))];
        if (rows.Length == 0) return null;
        if (!packs) return new(rows, [.. Enumerable.Range(0, rows.Length).Select(row => new[] { row })], padding);
        List<int> contextOf = BestFit.Place(Array.ConvertAll(rows, row => row.Inputs.Length), length, seed: 0).ContextOf;
        return new(rows, [.. Enumerable.Range(0, rows.Length).GroupBy(row => contextOf[row]).OrderBy(context => context.Key).Select(context => context.ToArray())], padding);
    }

    /// <summary>How many conversations lose their end, and how many are left out.</summary>
    internal static (int Cut, int LeftOut) Shortened(IReadOnlyList<ChatTokens> texts, int length)
    {
        int cut = 0, leftOut = 0;
        foreach (ChatTokens text in texts)
        {
            bool hasAnswer = false;
            for (int i = 1; i <= Math.Min(length, text.Ids.Count - 1) && !hasAnswer; i++) hasAnswer = text.IsAnswer[i];
            if (!hasAnswer) leftOut++;
            else if (text.Ids.Count - 1 > length) cut++;
        }
        return (cut, leftOut);
    }

    /// <summary>Draws places for training, each once in an epoch.</summary>
    /// <param name="streams">The run's random streams.</param>
    /// <param name="state">From a checkpoint, or null.</param>
    /// <param name="batchSize">Places of a batch.</param>
    internal IBatchSource Open(RandomStreams streams, JsonObject? state, int batchSize)
    {
        var sampler = new ItemSampler(_places.Length, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, _) => Make([.. places.Select(place => _places[place])]));
    }

    /// <summary>All places in order.</summary>
    internal IEnumerable<Batch> All(int batchSize) => _places.Chunk(batchSize).Select(Make);

    private Batch Make(int[][] places)
    {
        PackedRow[] rows = [.. places.SelectMany(place => place).Select(row => _rows[row])];
        return RowBatch.Of([.. rows.Select(row => row.Inputs)], [.. rows.Select(row => row.Targets)], _padding);
    }

    private static PackedRow Row(ChatTokens text, int length)
    {
        int count = Math.Min(length, text.Ids.Count - 1);
        if (count < 1) return new([0], [CrossEntropy.Ignored], 0);
        long[] inputs = new long[count], targets = new long[count];
        for (int i = 0; i < count; i++) (inputs[i], targets[i]) = (text.Ids[i], text.IsAnswer[i + 1] ? text.Ids[i + 1] : CrossEntropy.Ignored);
        return new(inputs, targets, 0);
    }
}

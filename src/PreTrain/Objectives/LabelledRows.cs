using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Torch;

namespace PreTrain.Objectives;

/// <summary>A row and what is learned from it.</summary>
internal sealed record LabelledRow(TextWindow Window, long[] Targets);

/// <summary>Examples that were cut into rows, once for a length.</summary>
/// <param name="train">Cuts those to learn from into rows of at most so many tokens.</param>
/// <param name="validation">Cuts those that are held out.</param>
/// <param name="padding">The token that fills rows up.</param>
internal sealed class LabelledRows(Func<int, LabelledRow[]> train, Func<int, LabelledRow[]> validation, long padding)
{
    private (int Length, LabelledRow[] Rows)? _train, _validation;

    /// <summary>The rows to learn from.</summary>
    internal LabelledRow[] Train(int length) => Cut(ref _train, train, length);

    /// <summary>Every row once in each epoch.</summary>
    internal IBatchSource Open(RandomStreams streams, int length, bool knowsTypes, int batchSize, JsonObject? state)
    {
        LabelledRow[] rows = Train(length);
        var sampler = new ItemSampler(rows.Length, unchecked((ulong)streams.SeedOf("data")));
        sampler.State = DataRules.StateOf(state, sampler.State);
        return SampledRows.Open(() => sampler.State, sampler.Next, streams.SeedOf("mask"), batchSize, (places, _) => Make([.. places.Select(place => rows[place])], knowsTypes));
    }

    /// <summary>The rows that are held out.</summary>
    internal IEnumerable<Batch> Evaluation(int length, bool knowsTypes, int batchSize) => Cut(ref _validation, validation, length).Chunk(batchSize).Select(rows => Make(rows, knowsTypes));

    private Batch Make(LabelledRow[] rows, bool knowsTypes) => TextWindow.ToBatch([.. rows.Select(row => row.Window)], [.. rows.Select(row => row.Targets)], padding, knowsTypes);

    private static LabelledRow[] Cut(ref (int Length, LabelledRow[] Rows)? known, Func<int, LabelledRow[]> cut, int length)
    {
        if (known is not { } rows || rows.Length != length) known = rows = (length, cut(length));
        return rows.Rows;
    }
}

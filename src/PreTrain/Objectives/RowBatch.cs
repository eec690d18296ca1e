using PreTrain.Modules;

namespace PreTrain.Objectives;

/// <summary>Lays rows of different lengths side by side.</summary>
internal static class RowBatch
{
    /// <summary>Fills rows up to a width.</summary>
    internal static long[] Pad(IReadOnlyList<long[]> rows, int width, long filler)
    {
        long[] all = new long[rows.Count * width];
        Array.Fill(all, filler);
        for (int row = 0; row < rows.Count; row++) rows[row].CopyTo(all, row * width);
        return all;
    }

    /// <summary>The longest row's tokens.</summary>
    internal static int Width(IReadOnlyList<long[]> rows) => rows.Max(row => row.Length);

    /// <summary>1 where there is a token; null where all rows are as wide.</summary>
    internal static long[]? Mask(IReadOnlyList<long[]> rows)
    {
        int width = Width(rows);
        return rows.All(row => row.Length == width) ? null : Pad([.. rows.Select(row => Enumerable.Repeat(1L, row.Length).ToArray())], width, 0);
    }

    /// <summary>A batch of inputs and their targets, which may be of other lengths.</summary>
    internal static Batch Of(IReadOnlyList<long[]> inputs, IReadOnlyList<long[]> targets, long padding) => new()
    {
        Inputs = Pad(inputs, Width(inputs), padding),
        Targets = Pad(targets, Width(targets), CrossEntropy.Ignored),
        Rows = inputs.Count,
        Length = Width(inputs),
        ValidTargets = targets.Sum(row => row.LongCount(target => target != CrossEntropy.Ignored)),
        AttentionMask = Mask(inputs),
    };
}

using System.Text.Json.Nodes;
using PreTrain.Objectives;

namespace PreTrain.Training;

/// <summary>How many rows of a batch are in memory at once.</summary>
internal sealed class MicroBatches
{
    /// <summary>The rows of a whole batch, whatever they are: packed texts have more rows than the batch size.</summary>
    internal const int All = int.MaxValue;

    private const int SavedAll = 0;
    private readonly bool _automatic;

    /// <param name="batchSize">Rows of a whole batch, as they are asked for.</param>
    /// <param name="asked">The rows that were asked for, 0 to find out, null for whole batches.</param>
    /// <param name="state">From <see cref="State"/> of a former training.</param>
    internal MicroBatches(int batchSize, int? asked, JsonObject? state)
    {
        int? known = state?["rows"]!.GetValue<int>() is { } rows ? rows == SavedAll ? All : rows : null;
        _automatic = asked == 0;
        Rows = Math.Min(asked is null or 0 || asked >= batchSize ? All : asked.Value, known ?? All);
        Batch = batchSize;
        IsKnown = !_automatic || known is not null;
    }

    /// <summary>Rows of a whole batch, as they are asked for.</summary>
    internal int Batch { get; }

    /// <summary>The most rows at once; <see cref="All"/> for no limit.</summary>
    internal int Rows { get; private set; }

    /// <summary>Whether the rows need not be found out.</summary>
    internal bool IsKnown { get; private set; }

    /// <summary>All that a resumed training needs; null where batches are not cut, and nobody had to find that out.</summary>
    internal JsonObject? State => Rows < All ? new() { ["rows"] = Rows } : _automatic && IsKnown ? new() { ["rows"] = SavedAll } : null;

    /// <summary>The pieces of a batch.</summary>
    internal IReadOnlyList<Batch> Split(Batch batch) => batch.Split(Rows);

    /// <summary>Sets the rows.</summary>
    internal void Choose(int rows) => (Rows, IsKnown) = (rows, true);

    /// <summary>From the smallest to the largest: the batch size and its halves, as long as they are whole numbers, and their doubles up to the rows of a batch; the last is <see cref="All"/>.</summary>
    internal IEnumerable<int> Candidates(int batchRows)
    {
        int rows = Batch;
        while (rows % 2 == 0) rows /= 2;
        for (; rows < batchRows; rows *= 2) yield return rows;
        yield return All;
    }
}

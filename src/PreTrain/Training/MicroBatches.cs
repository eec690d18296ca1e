using System.Text.Json.Nodes;
using PreTrain.Objectives;

namespace PreTrain.Training;

/// <summary>How many rows of a batch are in memory at once.</summary>
internal sealed class MicroBatches
{
    private readonly bool _automatic;

    /// <param name="batchSize">Rows of a whole batch.</param>
    /// <param name="asked">The rows that were asked for, 0 to find out, null for whole batches.</param>
    /// <param name="state">From <see cref="State"/> of a former training.</param>
    internal MicroBatches(int batchSize, int? asked, JsonObject? state)
    {
        _automatic = asked == 0 && state is null;
        Rows = Math.Min(asked is null or 0 ? batchSize : Math.Min(asked.Value, batchSize), state?["rows"]!.GetValue<int>() ?? batchSize);
        Batch = batchSize;
        IsKnown = !_automatic;
    }

    /// <summary>Rows of a whole batch.</summary>
    internal int Batch { get; }

    /// <summary>The most rows at once.</summary>
    internal int Rows { get; private set; }

    /// <summary>Whether the rows need not be found out.</summary>
    internal bool IsKnown { get; private set; }

    /// <summary>All that a resumed training needs; null where batches are not cut.</summary>
    internal JsonObject? State => Rows == Batch ? null : new() { ["rows"] = Rows };

    /// <summary>The pieces of a batch.</summary>
    internal IReadOnlyList<Batch> Split(Batch batch) => batch.Split(Rows);

    /// <summary>Sets the rows.</summary>
    internal void Choose(int rows) => (Rows, IsKnown) = (rows, true);

    /// <summary>From the smallest to the largest: the whole batch and its halves, as long as they are whole numbers.</summary>
    internal IEnumerable<int> Candidates()
    {
        int rows = Batch;
        while (rows % 2 == 0) rows /= 2;
        for (; rows <= Batch; rows *= 2) yield return rows;
    }
}

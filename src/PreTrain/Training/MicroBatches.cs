using System.Text.Json.Nodes;
using PreTrain.Objectives;

namespace PreTrain.Training;

/// <summary>How many rows of a batch are in memory at once.</summary>
internal sealed class MicroBatches
{
    /// <summary>The rows of a whole batch, whatever they are: packed texts have more rows than the batch size.</summary>
    internal const int All = int.MaxValue;

    private const int SavedAll = 0;
    private bool _isFound, _isLimited;

    /// <param name="batchSize">Rows of a whole batch, as they are asked for.</param>
    /// <param name="asked">The rows that were asked for, 0 to find out, null for whole batches.</param>
    /// <param name="state">From <see cref="State"/> of a former training.</param>
    internal MicroBatches(int batchSize, int? asked, JsonObject? state)
    {
        int? known = state?["rows"]!.GetValue<int>() is { } rows ? rows == SavedAll ? All : rows : null;
        // What was the fastest is no reason against rows that are asked for; what memory is enough for is.
        bool isLimit = state?["isLimit"]?.GetValue<bool>() ?? false;
        if (asked > 0 && !isLimit) known = null;
        Rows = Math.Min(asked is null or 0 || asked >= batchSize ? All : asked.Value, known ?? All);
        Batch = batchSize;
        (_isFound, _isLimited) = (known is not null, known is not null && isLimit);
        IsKnown = asked != 0 || _isFound;
    }

    /// <summary>Rows of a whole batch, as they are asked for.</summary>
    internal int Batch { get; }

    /// <summary>The most rows at once; <see cref="All"/> for no limit.</summary>
    internal int Rows { get; private set; }

    /// <summary>Whether the rows need not be found out.</summary>
    internal bool IsKnown { get; private set; }

    /// <summary>All that a resumed training needs: the rows that were found out; null where they are those that were asked for.</summary>
    internal JsonObject? State => !_isFound ? null : _isLimited ? new() { ["rows"] = Rows, ["isLimit"] = true } : new() { ["rows"] = Rows < All ? Rows : SavedAll };

    /// <summary>The pieces of a batch.</summary>
    internal IReadOnlyList<Batch> Split(Batch batch) => batch.Split(Rows);

    /// <summary>Sets rows that were found to be the fastest.</summary>
    internal void Choose(int rows) => (Rows, IsKnown, _isFound) = (rows, true, true);

    /// <summary>Sets the most rows that memory is enough for.</summary>
    internal void Limit(int rows)
    {
        Choose(rows);
        _isLimited = true;
    }

    /// <summary>From the smallest to the largest: the batch size and its halves, as long as they are whole numbers, and their doubles up to the rows of a batch; the last is <see cref="All"/>.</summary>
    internal IEnumerable<int> Candidates(int batchRows)
    {
        int rows = Batch;
        while (rows % 2 == 0) rows /= 2;
        for (; rows < batchRows; rows *= 2) yield return rows;
        yield return All;
    }
}

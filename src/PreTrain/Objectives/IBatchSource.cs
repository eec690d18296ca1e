using System.Text.Json.Nodes;

namespace PreTrain.Objectives;

/// <summary>An endless, resumable sequence of training batches.</summary>
public interface IBatchSource : IDisposable
{
    /// <summary>A few numbers that say where the next batch stands; batches prepared ahead are not counted.</summary>
    JsonObject State { get; }

    /// <summary>The next batch. Its arrays may be filled anew by the next call.</summary>
    Batch Next(CancellationToken cancellationToken);
}

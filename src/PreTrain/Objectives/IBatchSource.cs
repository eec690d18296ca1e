using System.Text.Json.Nodes;

namespace PreTrain.Objectives;

/// <summary>An endless, resumable sequence of training batches.</summary>
public interface IBatchSource : IDisposable
{
    /// <summary>A few numbers that say where the next batch stands; batches prepared ahead are not counted.</summary>
    JsonObject State { get; }

    /// <summary>The next batch, which is the caller's to keep.</summary>
    Batch Next(CancellationToken cancellationToken);
}

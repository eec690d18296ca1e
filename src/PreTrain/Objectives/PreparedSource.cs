using System.Text.Json.Nodes;
using PreTrain.Data;

namespace PreTrain.Objectives;

/// <summary>Training batches that are made ahead.</summary>
/// <param name="prefetcher">Disposed with the source.</param>
/// <param name="describe">What a checkpoint holds of where drawing stands.</param>
/// <param name="shape">Turns what is taken into a batch.</param>
internal sealed class PreparedSource<TState, T>(Prefetcher<TState, T> prefetcher, Func<TState, JsonObject> describe, Func<T, Batch> shape) : IBatchSource
{
    /// <inheritdoc/>
    public JsonObject State => describe(prefetcher.State);

    /// <inheritdoc/>
    public Batch Next(CancellationToken cancellationToken) => shape(prefetcher.Next(cancellationToken));

    /// <inheritdoc/>
    public void Dispose() => prefetcher.Dispose();
}

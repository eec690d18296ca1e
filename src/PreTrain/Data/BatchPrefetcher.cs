using System.Threading.Channels;

namespace PreTrain.Data;

/// <summary>
/// Draws batches ahead on another thread, through a bounded channel, in the sampler's order. <see cref="State"/> is always that of the batches that were taken,
/// never of those prepared ahead, so that a checkpoint resumes with the batch that would have come next.
/// </summary>
/// <remarks>The prefetcher works on a sampler of its own; the one it was made from does not move. One thread at a time may take batches.</remarks>
public sealed class BatchPrefetcher : IDisposable
{
    private readonly Channel<WindowBatch> ready;
    private readonly Channel<WindowBatch> free;
    private readonly CancellationTokenSource stop = new();
    private readonly Task worker;
    private WindowBatch? current;
    private bool disposed;

    /// <summary>Starts to prepare batches from where a sampler stands.</summary>
    /// <param name="sampler">Where to begin and what to draw from; it is left as it is.</param>
    /// <param name="batchSize">Windows of a batch, B.</param>
    /// <param name="capacity">Batches that may lie ready.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> or <paramref name="capacity"/> is not positive.</exception>
    public BatchPrefetcher(WindowSampler sampler, int batchSize, int capacity = 4)
    {
        ArgumentNullException.ThrowIfNull(sampler);
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        if (capacity < 1)
            throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"capacity ({capacity}) must be at least 1.");
        State = sampler.State;
        var own = new WindowSampler(sampler.Range, sampler.ContextLength, State.Seed) { State = State };
        ready = Channel.CreateBounded<WindowBatch>(new BoundedChannelOptions(capacity) { SingleReader = true, SingleWriter = true });
        free = Channel.CreateUnbounded<WindowBatch>();
        worker = Task.Run(() => Produce(own, batchSize));
    }

    /// <summary>Where the sampler stands after the batch that was taken last.</summary>
    public SamplerState State { get; private set; }

    /// <summary>Takes the next batch, waiting for it where necessary.</summary>
    /// <param name="cancellationToken">Ends the waiting; no batch is lost by it.</param>
    /// <returns>The batch. Its arrays are used again after the next call.</returns>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The prefetcher was disposed.</exception>
    public WindowBatch Next(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        WindowBatch? batch;
        while (!ready.Reader.TryRead(out batch))
        {
            // False, or the worker's own exception, once it has stopped.
            if (!ready.Reader.WaitToReadAsync(cancellationToken).AsTask().GetAwaiter().GetResult())
                throw new ObjectDisposedException(nameof(BatchPrefetcher));
        }
        if (current is not null)
            free.Writer.TryWrite(current);
        current = batch;
        State = batch.State;
        return batch;
    }

    /// <summary>Stops the background work and waits for its end.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        stop.Cancel();
        worker.Wait();
        stop.Dispose();
    }

    private async Task Produce(WindowSampler sampler, int batchSize)
    {
        Exception? fault = null;
        try
        {
            while (!stop.IsCancellationRequested)
            {
                if (!free.Reader.TryRead(out var batch))
                    batch = new WindowBatch(batchSize, sampler.ContextLength);
                sampler.Fill(batch.Inputs, batch.Targets, batchSize);
                batch.State = sampler.State;
                await ready.Writer.WriteAsync(batch, stop.Token).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Disposed: whoever takes a batch now is told so.
        }
        catch (Exception e)
        {
            // Handed to the thread that takes the batches.
            fault = e;
        }
        ready.Writer.TryComplete(fault);
    }
}

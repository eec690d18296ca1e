namespace PreTrain.Data;

/// <summary>
/// Reads a mixture's batches ahead on several threads and hands them out in their order. <see cref="State"/> is that of the batches that were taken, never of those
/// prepared ahead, so that a checkpoint resumes with the batch that would have come next.
/// </summary>
/// <remarks>The sampler it was made from does not move. One thread at a time may take batches.</remarks>
public sealed class MixtureLoader : IDisposable
{
    private readonly MixtureSampler sampler;
    private readonly int batchSize, capacity;
    private readonly Queue<Task<PackedBatch>> underWay = new();
    private readonly Stack<PackedBatch> free = new();
    private readonly SemaphoreSlim workers;
    private PackedBatch? current;
    private MixtureState ahead;
    private bool disposed;

    /// <summary>Starts to prepare batches from where a sampler stands.</summary>
    /// <param name="sampler">Where to begin and what to draw from; it is left as it is.</param>
    /// <param name="batchSize">Contexts of a batch, B, for this process.</param>
    /// <param name="workers">Threads that read at most.</param>
    /// <param name="capacity">Batches that may lie ready or be under way.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public MixtureLoader(MixtureSampler sampler, int batchSize, int workers = 2, int capacity = 4)
    {
        ArgumentNullException.ThrowIfNull(sampler);
        foreach (var (name, value) in new[] { (nameof(batchSize), batchSize), (nameof(workers), workers), (nameof(capacity), capacity) })
        {
            if (value < 1)
                throw new ArgumentOutOfRangeException(name, value, $"{name} ({value}) must be at least 1.");
        }
        (this.sampler, this.batchSize, this.capacity) = (sampler, batchSize, capacity);
        this.workers = new SemaphoreSlim(workers, workers);
        State = ahead = sampler.State;
        Prepare();
    }

    /// <summary>Where the sampler would stand after the batch that was taken last.</summary>
    public MixtureState State { get; private set; }

    /// <summary>Takes the next batch, waiting for it where necessary.</summary>
    /// <param name="cancellationToken">Ends the waiting; no batch is lost by it.</param>
    /// <returns>The batch. Its arrays are used again after the next call.</returns>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The loader, or a source's store, was disposed.</exception>
    public PackedBatch Next(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        underWay.Peek().WaitAsync(cancellationToken).GetAwaiter().GetResult();
        var batch = underWay.Dequeue().GetAwaiter().GetResult();
        if (current is not null)
            free.Push(current);
        current = batch;
        State = batch.State;
        Prepare();
        return batch;
    }

    /// <summary>Waits for what is under way.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (var task in underWay)
            task.ContinueWith(static done => done.Exception, TaskScheduler.Default).Wait();
        workers.Dispose();
    }

    private void Prepare()
    {
        while (underWay.Count < capacity)
        {
            var from = ahead;
            var batch = free.TryPop(out var used) ? used : new PackedBatch(batchSize, sampler.ContextLength);
            ahead = sampler.After(from, batchSize);
            underWay.Enqueue(ReadAsync(from, batch));
        }
    }

    private async Task<PackedBatch> ReadAsync(MixtureState from, PackedBatch batch)
    {
        await workers.WaitAsync().ConfigureAwait(false);
        try
        {
            return await Task.Run(() =>
            {
                sampler.Read(from, batch);
                return batch;
            }).ConfigureAwait(false);
        }
        finally
        {
            workers.Release();
        }
    }
}

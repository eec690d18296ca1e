namespace PreTrain.Data;

/// <summary>
/// Makes batches ahead on other threads and hands them out in the order in which they were drawn. Drawing says what a batch consists of and where the next one begins, and is done one
/// batch after the other; making reads and shapes it, and is done by as many workers as wanted. <see cref="State"/> is always that of the batches that were taken, never of those made
/// ahead, so that a checkpoint resumes with the batch that would have come next.
/// </summary>
/// <remarks>One thread at a time may use a prefetcher. What fails, fails in its turn: the batches before it are handed out first, and it is thrown as often as it is asked for.</remarks>
/// <typeparam name="TState">Where drawing stands.</typeparam>
/// <typeparam name="TBatch">What is made.</typeparam>
public sealed class Prefetcher<TState, TBatch> : IDisposable
{
    private readonly Func<TState, (TState After, Func<TBatch> Make)> draw;
    private readonly int capacity;
    private readonly Queue<(Task<TBatch> Batch, TState After)> underWay = new();
    private readonly CancellationTokenSource stop = new();
    private readonly TaskFactory workers;
    private TState ahead;
    private bool drawingFailed, disposed;

    /// <summary>Begins to make batches.</summary>
    /// <param name="start">Where drawing begins.</param>
    /// <param name="draw">Draws a batch: where drawing stands after it, and the work that makes it, which shares nothing that changes with the work of other batches.</param>
    /// <param name="workers">Threads that make batches at most.</param>
    /// <param name="capacity">Batches that may be ready or under way.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="workers"/> or <paramref name="capacity"/> is not positive.</exception>
    public Prefetcher(TState start, Func<TState, (TState After, Func<TBatch> Make)> draw, int workers = 1, int capacity = 4)
    {
        ArgumentNullException.ThrowIfNull(draw);
        if (workers < 1)
            throw new ArgumentOutOfRangeException(nameof(workers), workers, $"workers ({workers}) must be at least 1.");
        if (capacity < 1)
            throw new ArgumentOutOfRangeException(nameof(capacity), capacity, $"capacity ({capacity}) must be at least 1.");
        (this.draw, this.capacity) = (draw, capacity);
        this.workers = new TaskFactory(stop.Token, TaskCreationOptions.None, TaskContinuationOptions.None, new ConcurrentExclusiveSchedulerPair(TaskScheduler.Default, workers).ConcurrentScheduler);
        State = ahead = start;
        Fill();
    }

    /// <summary>Where drawing stood after the batch that was taken last.</summary>
    public TState State { get; private set; }

    /// <summary>Takes the next batch, waiting for it where necessary.</summary>
    /// <param name="cancellationToken">Ends the waiting; no batch is lost by it.</param>
    /// <returns>The batch, which is the caller's to keep. What drawing or making it throws, is thrown here.</returns>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    /// <exception cref="ObjectDisposedException">The prefetcher was disposed.</exception>
    public TBatch Next(CancellationToken cancellationToken = default)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        var (task, after) = underWay.Peek();
        var batch = task.WaitAsync(cancellationToken).GetAwaiter().GetResult();
        underWay.Dequeue();
        State = after;
        Fill();
        return batch;
    }

    /// <summary>Drops what is ready or not begun, and waits for what is being made.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        stop.Cancel();
        Task.WhenAll(underWay.Select(item => (Task)item.Batch)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing).GetAwaiter().GetResult();
        underWay.Clear();
        stop.Dispose();
    }

    private void Fill()
    {
        while (underWay.Count < capacity && !drawingFailed)
        {
            try
            {
                var (after, make) = draw(ahead);
                underWay.Enqueue((workers.StartNew(make), ahead = after));
            }
            catch (Exception e)
            {
                drawingFailed = true;
                underWay.Enqueue((Task.FromException<TBatch>(e), ahead));
            }
        }
    }
}

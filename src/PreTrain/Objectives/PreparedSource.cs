using System.Text.Json.Nodes;
using System.Threading.Channels;
using PreTrain.Data;
using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>Prepares batches ahead on another thread, in order. The state is that of the batch that was taken last.</summary>
internal sealed class PreparedSource : IBatchSource
{
    private const int Capacity = 4;

    private readonly Channel<(Batch Batch, JsonObject State)> _ready = Channel.CreateBounded<(Batch, JsonObject)>(new BoundedChannelOptions(Capacity) { SingleReader = true, SingleWriter = true });
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;
    private readonly IDisposable? _reader;
    private JsonObject _state;
    private bool _disposed;

    private PreparedSource(JsonObject state, Func<(Batch, JsonObject)> next, IDisposable? reader)
    {
        _reader = reader;
        _state = state;
        _worker = Task.Run(() => Produce(next));
    }

    /// <inheritdoc/>
    public JsonObject State => _state.DeepClone().AsObject();

    /// <summary>Rows that a sampler draws.</summary>
    /// <param name="state">Where the sampler stands, before the row that it draws next.</param>
    /// <param name="next">Draws: the row's place.</param>
    /// <param name="maskSeed">The seed of the <c>mask</c> stream.</param>
    /// <param name="batchSize">Rows of a batch.</param>
    /// <param name="make">Makes a batch of places and seeds, which depend on where the sampler stood alone.</param>
    internal static PreparedSource Open(Func<SamplerState> state, Func<long> next, long maskSeed, int batchSize, Func<long[], ulong[], Batch> make)
    {
        if (batchSize < 1) throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        return new PreparedSource(DataRules.Describe(state()), () =>
        {
            long[] places = new long[batchSize];
            ulong[] seeds = new ulong[batchSize];
            for (int row = 0; row < batchSize; row++)
            {
                seeds[row] = MaskRandom.SeedOf(unchecked((ulong)maskSeed), state());
                places[row] = next();
            }
            return (make(places, seeds), DataRules.Describe(state()));
        }, null);
    }

    /// <summary>Batches that something else reads.</summary>
    /// <param name="state">Where it stands.</param>
    /// <param name="next">The next batch, and where it stands after that.</param>
    /// <param name="reader">Disposed with the source.</param>
    internal static PreparedSource Open(JsonObject state, Func<(Batch, JsonObject)> next, IDisposable reader) => new(state, next, reader);

    /// <inheritdoc/>
    public Batch Next(CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        (Batch Batch, JsonObject State) item;
        while (!_ready.Reader.TryRead(out item))
        {
            // False, or the worker's own exception, once it has stopped.
            if (!_ready.Reader.WaitToReadAsync(cancellationToken).AsTask().GetAwaiter().GetResult()) throw new ObjectDisposedException(nameof(PreparedSource));
        }
        _state = item.State;
        return item.Batch;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _stop.Cancel();
        _worker.Wait();
        _stop.Dispose();
        _reader?.Dispose();
    }

    private async Task Produce(Func<(Batch, JsonObject)> next)
    {
        Exception? fault = null;
        try
        {
            while (!_stop.IsCancellationRequested) await _ready.Writer.WriteAsync(next(), _stop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // Disposed: whoever takes a batch now is told so.
        }
        catch (Exception e)
        {
            // Handed to the thread that takes the batches.
            fault = e;
        }
        _ready.Writer.TryComplete(fault);
    }
}

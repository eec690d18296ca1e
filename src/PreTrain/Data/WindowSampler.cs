namespace PreTrain.Data;

/// <summary>
/// Draws training windows from a range of tokens: every epoch cuts the range into windows of <see cref="ContextLength"/> inputs, each with the targets one
/// token later, and visits each window once in a pseudo-random order.
/// </summary>
/// <remarks>
/// Every epoch begins at another offset below <see cref="ContextLength"/>, so that windows are not always cut at the same places. All follows from the seed:
/// the order needs no memory (<see cref="IndexPermutation"/>), and any <see cref="State"/> is resumed at once, without drawing what came before.
/// The windows do not depend on how they are grouped into batches. Not safe for use by several threads at once.
/// </remarks>
public sealed class WindowSampler
{
    private const ulong OffsetPurpose = 1, OrderPurpose = 2;

    private ulong seed;
    private long epoch;
    private long position;
    private long offset;
    private IndexPermutation order;

    /// <summary>Creates a sampler at the beginning of epoch 0.</summary>
    /// <param name="range">The tokens to draw from.</param>
    /// <param name="contextLength">Inputs of a window, T.</param>
    /// <param name="seed">The seed that all draws follow from.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="contextLength"/> is not positive.</exception>
    /// <exception cref="CorpusException">The range is shorter than one window, which takes T + 1 tokens.</exception>
    public WindowSampler(TokenRange range, int contextLength, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(range);
        if (contextLength < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(contextLength), contextLength,
                $"contextLength ({contextLength}) must be at least 1; it is the number of input tokens of a window.");
        }
        if (range.Count <= contextLength)
        {
            throw new CorpusException(
                $"The range holds {range.Count} tokens; one window of contextLength ({contextLength}) takes {contextLength + 1L}. Use more text or a shorter context.",
                range.Store.Folder);
        }
        Range = range;
        ContextLength = contextLength;
        State = new SamplerState(seed, 0, 0);
    }

    /// <summary>The tokens that are drawn from.</summary>
    public TokenRange Range { get; }

    /// <summary>Inputs of a window, T.</summary>
    public int ContextLength { get; }

    /// <summary>Where the sampler stands: before the window that the next <see cref="Fill"/> draws first. Setting it goes there at once.</summary>
    /// <exception cref="ArgumentException">The epoch is negative, or the position is not one of its windows: the state belongs to other data.</exception>
    public SamplerState State
    {
        get => new(seed, epoch, position);
        set
        {
            if (value.Epoch < 0)
                throw new ArgumentException($"Epoch ({value.Epoch}) must not be negative. Use a state that a sampler over the same tokens returned.", nameof(value));
            var windows = WindowCount(value.Seed, value.Epoch);
            if (value.Position < 0 || value.Position >= windows)
            {
                throw new ArgumentException(
                    $"Position ({value.Position}) must be at least 0 and less than the {windows} windows of epoch {value.Epoch}. "
                    + "Use a state that a sampler over the same tokens and with the same contextLength returned.", nameof(value));
            }
            Enter(value.Seed, value.Epoch);
            position = value.Position;
        }
    }

    /// <summary>Windows in the epoch that <see cref="State"/> is in. It may differ by one between epochs, as their offsets do.</summary>
    public long WindowsInEpoch => order.Count;

    /// <summary>Draws the next windows. An epoch's end within a batch is passed over into the next epoch.</summary>
    /// <param name="inputs">Receives the inputs, (B, T) row by row.</param>
    /// <param name="targets">Receives the targets, (B, T): <c>targets[b, t]</c> is the token after <c>inputs[b, t]</c>.</param>
    /// <param name="batchSize">Windows to draw, B.</param>
    /// <exception cref="ArgumentException"><paramref name="batchSize"/> is not positive, or a buffer does not hold B × T values.</exception>
    public void Fill(Span<long> inputs, Span<long> targets, int batchSize)
    {
        WindowBuffers.Check(inputs, targets, batchSize, ContextLength);
        for (var row = 0; row < batchSize; row++)
            Read(NextWindow(), row, inputs, targets);
    }

    /// <summary>Draws batches from where the sampler stands, made ahead on other threads. The sampler itself does not move.</summary>
    /// <param name="batchSize">Windows of a batch, B.</param>
    /// <param name="workers">Threads that read at most.</param>
    /// <param name="capacity">Batches that may be ready or under way.</param>
    /// <returns>The batches, and where a sampler would stand after each.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public Prefetcher<SamplerState, WindowBatch> Prefetch(int batchSize, int workers = 1, int capacity = 4)
    {
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        var own = new WindowSampler(Range, ContextLength, seed) { State = State };
        return new Prefetcher<SamplerState, WindowBatch>(State, _ =>
        {
            var starts = new long[batchSize];
            for (var row = 0; row < batchSize; row++)
                starts[row] = own.NextWindow();
            return (own.State, () => Make(starts));
        }, workers, capacity);

        WindowBatch Make(long[] starts)
        {
            var batch = new WindowBatch(batchSize, ContextLength);
            for (var row = 0; row < batchSize; row++)
                Read(starts[row], row, batch.Inputs, batch.Targets);
            return batch;
        }
    }

    /// <summary>Draws the next window without reading it.</summary>
    /// <returns>The position in <see cref="Range"/> of its first input.</returns>
    public long NextWindow()
    {
        var start = offset + order[position] * ContextLength;
        if (++position == order.Count)
        {
            Enter(seed, epoch + 1);
            position = 0;
        }
        return start;
    }

    private void Read(long start, int row, Span<long> inputs, Span<long> targets)
    {
        Range.Read(start, inputs.Slice(row * ContextLength, ContextLength));
        Range.Read(start + 1, targets.Slice(row * ContextLength, ContextLength));
    }

    private void Enter(ulong newSeed, long newEpoch)
    {
        seed = newSeed;
        epoch = newEpoch;
        offset = Offset(seed, epoch);
        order = new IndexPermutation(WindowCount(seed, epoch), SplitMix.Mix(seed, (ulong)epoch, OrderPurpose));
    }

    // A range that is hardly longer than one window leaves less room than T.
    private long Offset(ulong ofSeed, long ofEpoch)
    {
        var room = Math.Min(ContextLength - 1, Range.Count - 1 - ContextLength);
        return (long)(SplitMix.Mix(ofSeed, (ulong)ofEpoch, OffsetPurpose) % (ulong)(room + 1));
    }

    private long WindowCount(ulong ofSeed, long ofEpoch) => (Range.Count - 1 - Offset(ofSeed, ofEpoch)) / ContextLength;
}

namespace PreTrain.Data;

/// <summary>
/// Draws packed contexts from several sources in the proportion of their weights, each source shuffled as a whole and epoch by epoch without repetition.
/// </summary>
/// <remarks>
/// <para>
/// Every draw is a function of the seed and its place alone (<see cref="At"/>): no worker, batch size, device or number of processes changes the order, and any place is
/// reached at once. Places come in blocks of 4096 (or more, with more than 2048 sources); a block holds each source as often as its weight says, rounded to
/// whole places but at least once, in pseudo-random order. How often a source came in the blocks before is then known without counting.
/// </para>
/// <para>Of a step's batch for R processes, process r takes the r-th part. Not safe for use by several threads at once; <see cref="At"/> and <see cref="Read"/> are.</para>
/// </remarks>
public sealed class MixtureSampler
{
    private const ulong BlockPurpose = 4, OrderPurpose = 5;

    private readonly int[] firstPlace;      // of each source within a block, and the block's length at the end
    private readonly int[]?[] byLength;     // contexts by their longest document, for the curriculum
    private readonly MixtureOptions options;
    private volatile Block? lastBlock;

    /// <summary>Creates a sampler at the beginning.</summary>
    /// <param name="sources">What is drawn from.</param>
    /// <param name="options">How to draw.</param>
    /// <exception cref="ArgumentException">There is no source, a weight is not positive, or lengths of contexts differ; or an option is out of range.</exception>
    /// <exception cref="CorpusException">Different tokenizers made the sources' tokens.</exception>
    public MixtureSampler(IReadOnlyList<MixtureSource> sources, MixtureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(sources);
        this.options = options ?? new MixtureOptions();
        this.options.Validate();
        if (sources.Count == 0)
            throw new ArgumentException("There is no source; pass at least one.", nameof(sources));
        foreach (var source in sources)
        {
            if (!(source.Weight > 0 && double.IsFinite(source.Weight)))
                throw new ArgumentException($"The weight of '{source.Name}' ({source.Weight}) must be greater than 0 and finite.", nameof(sources));
            if (source.Contexts.ContextLength != sources[0].Contexts.ContextLength)
            {
                throw new ArgumentException(
                    $"'{source.Name}' has contexts of {source.Contexts.ContextLength} tokens and '{sources[0].Name}' of {sources[0].Contexts.ContextLength}. Pack both for one length.",
                    nameof(sources));
            }
            if (source.Contexts.Range.Store.TokenizerFingerprint != sources[0].Contexts.Range.Store.TokenizerFingerprint)
            {
                throw new CorpusException(
                    $"The token stores of '{source.Name}' and '{sources[0].Name}' were made by different tokenizers. Build both with one.", source.Contexts.Range.Store.Folder);
            }
        }
        Sources = [.. sources];
        firstPlace = Places();
        byLength = [.. Sources.Select(source => this.options.CurriculumStages > 1 ? ByLength(source.Contexts) : null)];
        State = new MixtureState(this.options.Seed, 0);
    }

    /// <summary>What is drawn from.</summary>
    public IReadOnlyList<MixtureSource> Sources { get; }

    /// <summary>Inputs of a context, T.</summary>
    public int ContextLength => Sources[0].Contexts.ContextLength;

    /// <summary>Where the sampler stands. Setting it goes there at once.</summary>
    /// <exception cref="ArgumentException">The position is negative.</exception>
    public MixtureState State
    {
        get;
        set => field = value.Position >= 0 ? value
            : throw new ArgumentException($"Position ({value.Position}) must not be negative. Use a state that a sampler returned.", nameof(value));
    }

    /// <summary>The share of the draws that a source has, as rounded.</summary>
    /// <param name="source">The source's index.</param>
    public double Share(int source) => (double)(firstPlace[source + 1] - firstPlace[source]) / firstPlace[^1];

    /// <summary>What is drawn at a place, whatever was drawn before.</summary>
    /// <param name="seed">The seed.</param>
    /// <param name="position">The place, from 0.</param>
    /// <returns>The draw.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is negative.</exception>
    public MixtureDraw At(ulong seed, long position)
    {
        if (position < 0)
            throw new ArgumentOutOfRangeException(nameof(position), position, $"position ({position}) must not be negative.");
        var (number, rest) = Math.DivRem(position, firstPlace[^1]);
        var block = lastBlock is { } last && last.Seed == seed && last.Number == number ? last : lastBlock = LayOut(seed, number);
        var source = block.Source[rest];
        var before = number * (firstPlace[source + 1] - firstPlace[source]) + block.Before[rest];
        var (epoch, index) = Math.DivRem(before, Sources[source].Contexts.Count);
        return new MixtureDraw(source, epoch, Context(seed, source, epoch, (int)index));
    }

    /// <summary>Draws this process' part of the next batch.</summary>
    /// <param name="batch">Receives the contexts.</param>
    /// <exception cref="ArgumentException">The batch is made for contexts of another length.</exception>
    public void Fill(PackedBatch batch)
    {
        Read(State, batch);
        State = batch.State;
    }

    /// <summary>Reads this process' part of the batch that begins at a state, and leaves the sampler where it stands.</summary>
    /// <param name="state">Where the batch of all processes begins.</param>
    /// <param name="batch">Receives the contexts, and the state after the batch of all processes.</param>
    /// <exception cref="ArgumentException">The batch is made for contexts of another length, or the position is negative.</exception>
    public void Read(MixtureState state, PackedBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.ContextLength != ContextLength)
            throw new ArgumentException($"The batch has contexts of {batch.ContextLength} tokens, and the sources of {ContextLength}. Make a batch of that length.", nameof(batch));
        batch.Clear();
        for (var row = 0; row < batch.BatchSize; row++)
        {
            var draw = At(state.Seed, state.Position + (long)options.Rank * batch.BatchSize + row);
            batch.Put(row, Sources[draw.Source].Contexts, draw);
        }
        batch.State = After(state, batch.BatchSize);
    }

    /// <summary>Draws this process' parts of batches from where the sampler stands, made ahead on other threads. The sampler itself does not move.</summary>
    /// <param name="batchSize">Contexts of a batch, B, for this process.</param>
    /// <param name="workers">Threads that read at most.</param>
    /// <param name="capacity">Batches that may be ready or under way.</param>
    /// <returns>The batches, and where a sampler would stand after each.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A number is not positive.</exception>
    public Prefetcher<MixtureState, PackedBatch> Prefetch(int batchSize, int workers = 2, int capacity = 4)
    {
        if (batchSize < 1)
            throw new ArgumentOutOfRangeException(nameof(batchSize), batchSize, $"batchSize ({batchSize}) must be at least 1.");
        return new Prefetcher<MixtureState, PackedBatch>(State, state => (After(state, batchSize), () => Make(state)), workers, capacity);

        PackedBatch Make(MixtureState state)
        {
            var batch = new PackedBatch(batchSize, ContextLength);
            Read(state, batch);
            return batch;
        }
    }

    /// <summary>Where the batch of all processes ends that begins at a state.</summary>
    internal MixtureState After(MixtureState state, int batchSize) => state with { Position = state.Position + (long)options.RankCount * batchSize };

    private int Context(ulong seed, int source, long epoch, int index)
    {
        var count = Sources[source].Contexts.Count;
        var key = SplitMix.Mix(SplitMix.Mix(seed, (ulong)source, OrderPurpose), (ulong)epoch, OrderPurpose);
        if (epoch > 0 || byLength[source] is not { } sorted)
            return (int)new IndexPermutation(count, key)[index];
        var stages = Math.Min(options.CurriculumStages, count);
        var stage = (int)((long)index * stages / count);
        // The first index of a stage is the least one that the line above maps to it.
        var (first, end) = ((int)(((long)stage * count + stages - 1) / stages), (int)(((stage + 1L) * count + stages - 1) / stages));
        return sorted[first + (int)new IndexPermutation(end - first, SplitMix.Mix(key, (ulong)stage, OrderPurpose))[index - first]];
    }

    private Block LayOut(ulong seed, long number)
    {
        var order = new IndexPermutation(firstPlace[^1], SplitMix.Mix(seed, (ulong)number, BlockPurpose));
        var (source, before) = (new int[firstPlace[^1]], new int[firstPlace[^1]]);
        var drawn = new int[Sources.Count];
        for (var i = 0; i < source.Length; i++)
        {
            var found = Array.BinarySearch(firstPlace, (int)order[i]);
            source[i] = found >= 0 ? found : ~found - 1;
            before[i] = drawn[source[i]]++;
        }
        return new Block(seed, number, source, before);
    }

    // Largest remainders, at least one place each.
    private int[] Places()
    {
        var length = Math.Max(4096, 2 * Sources.Count);
        var total = Sources.Sum(source => source.Weight);
        var exact = Sources.Select(source => source.Weight / total * length).ToArray();
        var places = exact.Select(share => Math.Max(1, (int)share)).ToArray();
        while (places.Sum() is var sum && sum != length)
        {
            var step = Math.Sign(length - sum);
            var most = Enumerable.Range(0, places.Length).Where(i => step > 0 || places[i] > 1).MaxBy(i => step * (exact[i] - places[i]));
            places[most] += step;
        }
        var first = new int[places.Length + 1];
        for (var i = 0; i < places.Length; i++)
            first[i + 1] = first[i] + places[i];
        return first;
    }

    private static int[] ByLength(PackedContexts contexts) => [.. Enumerable.Range(0, contexts.Count).OrderBy(context =>
    {
        var longest = 0;
        foreach (var length in contexts.SequenceLengths(context))
            longest = Math.Max(longest, length);
        return longest;
    })];

    /// <summary>Which source each place of a block has, and how often the source came before in the block.</summary>
    private sealed record Block(ulong Seed, long Number, int[] Source, int[] Before);
}

namespace PreTrain.Data;

/// <summary>
/// A corpus whose documents go through steps while it is enumerated: on several threads, with bounded memory, and with the same documents in the same order as on
/// one. <see cref="Report"/> says what each step dropped and changed.
/// </summary>
/// <remarks>
/// <code>
/// source ── batches ──► step, step, prepare × N ── in order ──► decide (deduplication) ── batches ──► step … ──► documents
/// </code>
/// The source is read on the thread that enumerates. Steps that look at each document alone run together; one that remembers documents splits the way.
/// </remarks>
public sealed class ProcessedCorpus : TextCorpus
{
    private const int BatchDocuments = 256, BatchCharacters = 256 * 1024;

    private readonly TextCorpus source;
    private readonly CorpusStep[] steps;
    private readonly int threads;
    private volatile Counter[] counters;

    internal ProcessedCorpus(TextCorpus source, CorpusStep[] steps, int threads)
    {
        (this.source, this.steps, this.threads) = (source, steps, threads);
        counters = NewCounters();
    }

    /// <summary>What the pass begun last has done so far; whole after its end.</summary>
    public CorpusReport Report => new([.. counters.Select((counter, i) => counter.Snapshot(steps[i].Name))]);

    /// <summary>The same with a step more.</summary>
    internal ProcessedCorpus With(CorpusStep step, int ofThreads) => new(source, [.. steps, step], ofThreads > 0 ? ofThreads : threads);

    /// <inheritdoc/>
    public override IEnumerator<string> GetEnumerator()
    {
        var own = NewCounters();
        counters = own;
        IEnumerable<string> documents = source;
        for (var first = 0; first < steps.Length;)
        {
            var last = first;
            StepMemory? memory;
            while ((memory = steps[last].CreateMemory()) is null && last + 1 < steps.Length)
                last++;
            documents = Run(documents, first, last, memory, own);
            first = last + 1;
        }
        return documents.GetEnumerator();
    }

    private Counter[] NewCounters() => [.. steps.Select(_ => new Counter())];

    private IEnumerable<string> Run(IEnumerable<string> documents, int first, int last, StepMemory? memory, Counter[] own)
    {
        var workers = threads > 0 ? threads : Environment.ProcessorCount;
        var underWay = new Queue<Task<Batch>>();
        using var reading = documents.GetEnumerator();
        var isOver = false;
        try
        {
            while (true)
            {
                while (!isOver && underWay.Count < 2 * workers)
                {
                    var batch = Take(reading, out isOver);
                    if (batch.Count > 0)
                        underWay.Enqueue(Task.Run(() => Process(batch, first, last, memory)));
                }
                if (!underWay.TryDequeue(out var next))
                    yield break;
                var done = next.GetAwaiter().GetResult();
                for (var i = 0; i < done.Counts.Length; i++)
                    own[first + i].Add(done.Counts[i]);
                if (memory is null)
                {
                    foreach (var document in done.Documents)
                        yield return document;
                    continue;
                }
                for (var i = 0; i < done.Documents.Count; i++)
                {
                    var document = done.Documents[i];
                    var reason = memory.Decide(done.Prepared[i]);
                    var kept = reason is null ? memory.Rewrite(document) : document;
                    own[last].Decided(document.Length, kept.Length, reason, memory.Change);
                    if (reason is null)
                        yield return kept;
                }
            }
        }
        finally
        {
            // A consumer that stops early leaves no work behind.
            while (underWay.TryDequeue(out var left))
                left.ContinueWith(static task => task.Exception, TaskScheduler.Default).GetAwaiter().GetResult();
        }
    }

    private static List<string> Take(IEnumerator<string> reading, out bool isOver)
    {
        var batch = new List<string>();
        long characters = 0;
        isOver = false;
        while (batch.Count < BatchDocuments && characters < BatchCharacters)
        {
            if (!reading.MoveNext())
            {
                isOver = true;
                break;
            }
            batch.Add(reading.Current);
            characters += reading.Current.Length;
        }
        return batch;
    }

    private Batch Process(List<string> documents, int first, int last, StepMemory? memory)
    {
        var counts = new Counter[last - first + 1];
        var output = new CorpusStepOutput();
        for (var i = 0; i < counts.Length; i++)
        {
            counts[i] = new Counter();
            if (memory is not null && first + i == last)
                continue;
            var next = new List<string>(documents.Count);
            foreach (var document in documents)
            {
                output.Clear();
                steps[first + i].Process(document, output);
                counts[i].Processed(document.Length, output);
                if (output.DropReason is null)
                    next.AddRange(output.Kept);
            }
            documents = next;
        }
        return new Batch(documents, memory is null ? [] : documents.ConvertAll(memory.Prepare), counts);
    }

    private sealed record Batch(List<string> Documents, List<object> Prepared, Counter[] Counts);

    private sealed class Counter
    {
        private readonly Lock gate = new();
        private readonly SortedDictionary<string, long> dropped = new(StringComparer.Ordinal);
        private readonly SortedDictionary<string, long> changes = new(StringComparer.Ordinal);
        private long documentsIn, documentsOut, charactersIn, charactersOut;

        public void Processed(int length, CorpusStepOutput output)
        {
            documentsIn++;
            charactersIn += length;
            foreach (var (name, count) in output.Counts)
                changes[name] = changes.GetValueOrDefault(name) + count;
            if (output.DropReason is null)
            {
                documentsOut += output.Kept.Count;
                foreach (var kept in output.Kept)
                    charactersOut += kept.Length;
            }
            else
                dropped[output.DropReason] = dropped.GetValueOrDefault(output.DropReason) + 1;
        }

        public void Decided(int length, int keptLength, string? reason, (string Name, long Count)? change)
        {
            lock (gate)
            {
                documentsIn++;
                charactersIn += length;
                if (change is (var name, > 0 and var count))
                    changes[name] = changes.GetValueOrDefault(name) + count;
                if (reason is null)
                {
                    documentsOut++;
                    charactersOut += keptLength;
                }
                else
                    dropped[reason] = dropped.GetValueOrDefault(reason) + 1;
            }
        }

        public void Add(Counter other)
        {
            lock (gate)
            {
                documentsIn += other.documentsIn;
                documentsOut += other.documentsOut;
                charactersIn += other.charactersIn;
                charactersOut += other.charactersOut;
                foreach (var (reason, count) in other.dropped)
                    dropped[reason] = dropped.GetValueOrDefault(reason) + count;
                foreach (var (change, count) in other.changes)
                    changes[change] = changes.GetValueOrDefault(change) + count;
            }
        }

        public CorpusStepReport Snapshot(string name)
        {
            lock (gate)
            {
                return new CorpusStepReport(name, documentsIn, documentsOut, charactersIn, charactersOut,
                    new SortedDictionary<string, long>(dropped, StringComparer.Ordinal), new SortedDictionary<string, long>(changes, StringComparer.Ordinal));
            }
        }
    }
}

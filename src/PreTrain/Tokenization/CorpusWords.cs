using System.Collections.Concurrent;

namespace PreTrain.Tokenization;

/// <summary>Counts the words of a corpus. The counts do not depend on the number of threads.</summary>
internal static class CorpusWords
{
    private const int BatchLength = 1 << 20;   // characters

    /// <summary>Counts the words of a corpus on several threads.</summary>
    /// <param name="corpus">The documents.</param>
    /// <param name="splitter">What a word is.</param>
    /// <param name="threads">How many threads; 0 for as many as there are processors.</param>
    /// <param name="progress">Told about every million characters.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <param name="memoryLimit">How much memory the words may take, in bytes; 0 for no limit. Beyond it they go to temporary files, and in the
    /// end the rarest ones are left out if need be.</param>
    public static WordCounter Count(
        IEnumerable<string> corpus, IWordSplitter splitter, int threads, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation, long memoryLimit = 0)
    {
        using WordRuns? runs = memoryLimit > 0 ? new WordRuns(memoryLimit) : null;
        threads = threads == 0 ? Environment.ProcessorCount : threads;
        var counters = new List<WordCounter> { new() };
        long read = 0;
        if (threads == 1)
        {
            foreach (List<ReadOnlyMemory<char>> batch in Batches(corpus, splitter, cancellation))
                CountBatch(counters[0], batch);
        }
        else
        {
            using var queue = new BlockingCollection<List<ReadOnlyMemory<char>>>(threads * 2);
            using var failed = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            while (counters.Count < threads)
                counters.Add(new WordCounter());
            Task[] workers = [.. counters.Select(counter => Task.Factory.StartNew(
                () =>
                {
                    try
                    {
                        foreach (List<ReadOnlyMemory<char>> batch in queue.GetConsumingEnumerable())
                        {
                            if (!failed.IsCancellationRequested)
                                CountBatch(counter, batch);
                        }
                    }
                    catch
                    {
                        failed.Cancel();   // nobody may be left to make room in the queue
                        throw;
                    }
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default))];
            try
            {
                foreach (List<ReadOnlyMemory<char>> batch in Batches(corpus, splitter, cancellation))
                    queue.Add(batch, failed.Token);
            }
            catch (OperationCanceledException) when (failed.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // A worker failed; waiting for it below raises what it raised.
            }
            catch
            {
                failed.Cancel();
                queue.CompleteAdding();
                Task.WhenAll(workers).ContinueWith(static _ => { }, TaskScheduler.Default).Wait(CancellationToken.None);
                throw;
            }

            queue.CompleteAdding();
            Task.WhenAll(workers).GetAwaiter().GetResult();
        }

        cancellation.ThrowIfCancellationRequested();
        if (runs is not null)
        {
            counters.ForEach(runs.Spill);
            counters.Clear();
            return runs.Merge(cancellation);
        }

        for (int i = 1; i < counters.Count; i++)
            counters[0].AddAll(counters[i]);
        return counters[0];

        void CountBatch(WordCounter counter, List<ReadOnlyMemory<char>> batch)
        {
            long length = 0;
            foreach (ReadOnlyMemory<char> text in batch)
            {
                splitter.Count(text.Span, counter);
                length += text.Length;
            }

            if (runs is not null && counter.Bytes > memoryLimit / threads)
            {
                runs.Spill(counter);
                counter.Clear();
            }

            progress?.Report(new(TokenizerTrainingStage.CountingWords, Interlocked.Add(ref read, length), null));
        }
    }

    /// <summary>Batches of about a million characters. A longer text is cut where words end whatever comes before or after.</summary>
    private static IEnumerable<List<ReadOnlyMemory<char>>> Batches(IEnumerable<string> corpus, IWordSplitter splitter, CancellationToken cancellation)
    {
        var batch = new List<ReadOnlyMemory<char>>();
        long length = 0, index = 0;
        foreach (string? document in corpus)
        {
            if (document is null)
                throw new ArgumentException($"The corpus holds null as document {index}; leave it out.", nameof(corpus));
            index++;
            int start = 0;
            while (document.Length - start > BatchLength)
            {
                int end = start + BatchLength;
                while (end < document.Length && !splitter.IsCertainBoundary(document, end))
                    end++;
                batch.Add(document.AsMemory(start, end - start));
                start = end;
                cancellation.ThrowIfCancellationRequested();
                yield return batch;
                batch = [];
                length = 0;
            }

            batch.Add(document.AsMemory(start));
            length += document.Length - start;
            if (length >= BatchLength)
            {
                cancellation.ThrowIfCancellationRequested();
                yield return batch;
                batch = [];
                length = 0;
            }
        }

        cancellation.ThrowIfCancellationRequested();
        if (batch.Count > 0)
            yield return batch;
    }
}

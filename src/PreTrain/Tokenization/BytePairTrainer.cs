using System.Collections.Concurrent;
using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// Finds the merges of a byte-level vocabulary (Sennrich et al. 2016), exactly those of Hugging Face's <c>BpeTrainer</c>: always the pair
/// with the highest count and, among equals, with the smallest ids. Works on the distinct words, keeps the pairs' counts up to date, and
/// visits only the places where a pair occurs.
/// </summary>
internal sealed class BytePairTrainer
{
    private const int End = -1;         // the slot between two words
    private const int Consumed = -2;    // a slot that belongs to the symbol before it
    private const int BatchLength = 1 << 20;   // characters

    // A word's bytes lie in one slot each. A symbol is in the slot of its first byte; _starts leads back there from the slot of its last.
    private readonly int[] _symbols;
    private readonly int[] _starts;
    private readonly int[] _wordOf;
    private readonly long[] _wordCounts;

    private readonly List<int> _lengths = [];   // of the tokens, in bytes
    private readonly List<string> _tokens = [];
    private readonly Dictionary<string, int> _ids = new(StringComparer.Ordinal);
    private readonly PairTable _pairs = new();
    private readonly MergeQueue _queue = new();

    private BytePairTrainer(WordCounter words, IReadOnlyList<string> specialTokens)
    {
        foreach (string token in specialTokens)
            IdOf(token);
        int[] byteIds = new int[256];
        foreach (char c in ByteAlphabet.InOrder)
            byteIds[ByteAlphabet.ToByte(c)] = IdOf(c.ToString());

        long slots = 1;
        for (int i = 0; i < words.Count; i++)
            slots += Encoding.UTF8.GetByteCount(words.Word(i)) + 1;
        if (slots > Array.MaxLength)
            throw new ArgumentException($"The corpus has too many different words: {slots} bytes of them, where {Array.MaxLength} can be handled. Train on a part of it.");
        _symbols = new int[slots];
        _starts = new int[slots];
        _wordOf = new int[slots];
        _wordCounts = new long[words.Count];

        byte[] bytes = [];
        int at = 0;
        _symbols[at++] = End;
        for (int i = 0; i < words.Count; i++)
        {
            ReadOnlySpan<char> word = words.Word(i);
            if (bytes.Length < word.Length * 3)
                bytes = new byte[word.Length * 3];
            int length = Encoding.UTF8.GetBytes(word, bytes);
            _wordCounts[i] = words.CountOf(i);
            for (int k = 0; k < length; k++, at++)
                (_symbols[at], _starts[at], _wordOf[at]) = (byteIds[bytes[k]], at, i);
            _symbols[at++] = End;
        }
    }

    /// <summary>Counts the words of a corpus on several threads.</summary>
    public static WordCounter CountWords(
        IEnumerable<string> corpus, int threads, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        threads = threads == 0 ? Environment.ProcessorCount : threads;
        var counters = new List<WordCounter> { new() };
        long read = 0;
        if (threads == 1)
        {
            foreach (List<ReadOnlyMemory<char>> batch in Batches(corpus, cancellation))
                Count(counters[0], batch);
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
                                Count(counter, batch);
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
                foreach (List<ReadOnlyMemory<char>> batch in Batches(corpus, cancellation))
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
        for (int i = 1; i < counters.Count; i++)
            counters[0].AddAll(counters[i]);
        return counters[0];

        void Count(WordCounter counter, List<ReadOnlyMemory<char>> batch)
        {
            long length = 0;
            foreach (ReadOnlyMemory<char> text in batch)
            {
                counter.AddText(text.Span);
                length += text.Length;
            }

            progress?.Report(new(TokenizerTrainingStage.CountingWords, Interlocked.Add(ref read, length), null));
        }
    }

    /// <summary>Trains on counted words.</summary>
    public static BytePairModel Train(
        WordCounter words, ByteLevelBpeOptions options, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        var trainer = new BytePairTrainer(words, options.SpecialTokens);
        List<Merge> merges = trainer.FindMerges(options.VocabSize, options.MinFrequency, progress, cancellation);
        var model = new BpeModel(new TokenVocabulary(trainer._ids), merges, new BpeSettings { ByteLevel = true });
        return new BytePairModel(model, [.. options.SpecialTokens.Select(token => new AddedToken(trainer._ids[token], token))]);
    }

    /// <summary>Batches of about a million characters. A longer text is cut where words end whatever comes before or after.</summary>
    private static IEnumerable<List<ReadOnlyMemory<char>>> Batches(IEnumerable<string> corpus, CancellationToken cancellation)
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
                while (end < document.Length && !Gpt2PreTokenizer.IsCertainBoundary(document, end))
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

    private int IdOf(string token)
    {
        if (!_ids.TryGetValue(token, out int id))
        {
            id = _tokens.Count;
            _ids.Add(token, id);
            _tokens.Add(token);
            _lengths.Add(token.Length);   // one character per byte; what special tokens have here is never read
        }

        return id;
    }

    private List<Merge> FindMerges(int vocabSize, long minFrequency, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        CountPairs();
        int first = _tokens.Count;
        var merges = new List<Merge>();
        while (_tokens.Count < vocabSize && _queue.TryPop(out MergeQueue.Item top))
        {
            long count = _pairs.CountOf(top.Pair);
            if (top.Count != count)
            {
                _queue.Push(top with { Count = count });   // it was counted before other merges took from it
                continue;
            }

            if (count < 1 || count < minFrequency)
                break;
            (int left, int right) = PairTable.Ids(top.Key);
            // A special token may be spelled like a merged one, which then has its id.
            int id = IdOf(_tokens[left] + _tokens[right]);
            merges.Add(new Merge(left, right, id));
            Apply(top, left, right, id);
            if (merges.Count % 64 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Report(new(TokenizerTrainingStage.Merging, _tokens.Count - first, vocabSize - first));
            }
        }

        progress?.Report(new(TokenizerTrainingStage.Merging, _tokens.Count - first, _tokens.Count - first));
        return merges;
    }

    private void CountPairs()
    {
        for (int at = 1; at < _symbols.Length; at++)
        {
            if (_symbols[at - 1] != End && _symbols[at] != End)
                _pairs.Add(_symbols[at - 1], _symbols[at], _wordCounts[_wordOf[at]], at - 1);
        }

        QueueNewPlaces();
    }

    private void QueueNewPlaces() =>
        _pairs.TakeNewPlaces((pair, count, places) =>
        {
            if (count > 0)
                _queue.Push(new MergeQueue.Item(count, _pairs.KeyOf(pair), pair, places));
        });

    private void Apply(MergeQueue.Item top, int left, int right, int id)
    {
        foreach (int at in top.Places.AsSpan())
            Replace(at, left, right, id);
        QueueNewPlaces();
    }

    private void Replace(int at, int left, int right, int id)
    {
        if (_symbols[at] != left)
            return;
        int second = at + _lengths[left];
        if (_symbols[second] != right)
            return;
        int after = second + _lengths[right];
        long count = _wordCounts[_wordOf[at]];
        if (_symbols[at - 1] != End)
        {
            int before = _starts[at - 1];
            _pairs.Remove(_symbols[before], left, count);
            _pairs.Add(_symbols[before], id, count, before);
        }

        if (_symbols[after] != End)
        {
            _pairs.Remove(right, _symbols[after], count);
            _pairs.Add(id, _symbols[after], count, at);
        }

        _symbols[at] = id;
        _symbols[second] = Consumed;
        _starts[after - 1] = at;
    }
}

namespace PreTrain.Tokenization;

/// <summary>
/// Finds the merges of a vocabulary (Sennrich et al. 2016), exactly those of Hugging Face's <c>BpeTrainer</c>: always the pair with the
/// highest count and, among equals, with the smallest ids. Works on the distinct words, keeps the pairs' counts up to date, and visits only
/// the places where a pair occurs.
/// </summary>
internal sealed class BytePairTrainer
{
    private const int End = SymbolWords.End;
    private const int Consumed = -2;    // a slot that belongs to the symbol before it

    // A symbol is in the first of its slots. Its first slot and its last one know each other.
    private readonly int[] _symbols;
    private readonly int[] _links;
    private readonly SymbolWords _words;
    private readonly string _prefix;
    private readonly int _maxLength;   // of a token, exclusive, in slots

    private readonly PairTable _pairs = new();
    private readonly MergeQueue _queue = new();

    private BytePairTrainer(SymbolWords words, string prefix, int? maxTokenLength)
    {
        _words = words;
        _symbols = words.Symbols;
        _prefix = prefix;
        _maxLength = maxTokenLength ?? int.MaxValue;
        _links = new int[_symbols.Length];
        for (int i = 0; i < _links.Length; i++)
            _links[i] = i;
    }

    /// <summary>Trains a byte-level vocabulary on counted words.</summary>
    public static BytePairModel Train(
        WordCounter words, ByteLevelBpeOptions options, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        var symbols = SymbolWords.OfBytes(words, options.SpecialTokens);
        var trainer = new BytePairTrainer(symbols, "", options.MaxTokenLength);
        List<Merge> merges = trainer.FindMerges(options.VocabSize, options.MinFrequency, progress, cancellation);
        var model = new BpeModel(new TokenVocabulary(symbols.Ids), merges, new BpeSettings { ByteLevel = true });
        return new BytePairModel(model, [.. options.SpecialTokens.Select(token => new AddedToken(symbols.Ids[token], token))]);
    }

    /// <summary>Finds the merges of words in symbols, and adds what they give to the tokens of these.</summary>
    /// <exception cref="ArgumentException">The vocabulary is to be smaller than it is already.</exception>
    public static List<Merge> FindMerges(SymbolWords symbols, BpeOptions options, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        if (options.VocabSize < symbols.Tokens.Count)
            throw new ArgumentException($"VocabSize ({options.VocabSize}) must be at least {symbols.Tokens.Count}: the special tokens and the characters of the corpus. Raise it, or set AlphabetLimit.");
        return new BytePairTrainer(symbols, options.ContinuingPrefix, options.MaxTokenLength).FindMerges(options.VocabSize, options.MinFrequency, progress, cancellation);
    }

    private List<Merge> FindMerges(int vocabSize, long minFrequency, IProgress<TokenizerTrainingProgress>? progress, CancellationToken cancellation)
    {
        CountPairs();
        int first = _words.Tokens.Count;
        var merges = new List<Merge>();
        while (_words.Tokens.Count < vocabSize && _queue.TryPop(out MergeQueue.Item top))
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
            string second = _words.Tokens[right];
            if (_prefix.Length > 0 && second.StartsWith(_prefix, StringComparison.Ordinal))
                second = second[_prefix.Length..];
            // A special token may be spelled like a merged one, which then has its id.
            int id = _words.IdOf(_words.Tokens[left] + second);
            merges.Add(new Merge(left, right, id));
            Apply(top, left, right, id);
            if (merges.Count % 64 == 0)
            {
                cancellation.ThrowIfCancellationRequested();
                progress?.Report(new(TokenizerTrainingStage.Merging, _words.Tokens.Count - first, vocabSize - first));
            }
        }

        progress?.Report(new(TokenizerTrainingStage.Merging, _words.Tokens.Count - first, _words.Tokens.Count - first));
        return merges;
    }

    private void CountPairs()
    {
        for (int at = 1; at < _symbols.Length; at++)
        {
            if (_symbols[at - 1] != End && _symbols[at] != End)
                _pairs.Add(_symbols[at - 1], _symbols[at], _words.WordCounts[_words.WordOf[at]], at - 1);
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
        int second = _links[at] + 1;
        if (_symbols[second] != right)
            return;
        int after = _links[second] + 1;
        long count = _words.WordCounts[_words.WordOf[at]];
        if (_symbols[at - 1] != End)
        {
            int before = _links[at - 1];
            _pairs.Remove(_symbols[before], left, count);
            if (after - before < _maxLength)
                _pairs.Add(_symbols[before], id, count, before);
        }

        if (_symbols[after] != End)
        {
            _pairs.Remove(right, _symbols[after], count);
            if (_links[after] + 1 - at < _maxLength)
                _pairs.Add(id, _symbols[after], count, at);
        }

        _symbols[at] = id;
        _symbols[second] = Consumed;
        _links[at] = after - 1;
        _links[after - 1] = at;
    }
}

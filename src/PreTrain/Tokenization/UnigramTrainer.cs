using System.Text;

namespace PreTrain.Tokenization;

/// <summary>
/// Trains a unigram language model (Kudo 2018) as Hugging Face's <c>UnigramTrainer</c> does: from many candidates, whose probabilities are
/// estimated (EM), and of which those go, round by round, that the corpus misses least. The words are taken in the order of their code
/// points and in parts that do not depend on the threads, so that sums come out the same; the reference's follow a hash table's order.
/// </summary>
internal sealed class UnigramTrainer
{
    private const int MostParts = 16;
    private readonly byte[][] _words;
    private readonly long[] _counts;
    private readonly UnigramOptions _options;
    private readonly ParallelOptions _parallel;
    private UnigramCandidates _candidates;

    private UnigramTrainer(IReadOnlyList<(string Word, long Count)> words, UnigramOptions options, CancellationToken cancellation)
    {
        _words = [.. words.Select(w => Encoding.UTF8.GetBytes(w.Word))];
        _counts = [.. words.Select(w => w.Count)];
        _options = options;
        _parallel = new ParallelOptions { MaxDegreeOfParallelism = options.Threads == 0 ? -1 : options.Threads, CancellationToken = cancellation };
        List<(string Piece, double Weight)> seeds = UnigramSeeds.Find(words, options, cancellation);
        double sum = seeds.Sum(seed => seed.Weight);
        _candidates = new UnigramCandidates([.. seeds.Select(seed => (seed.Piece, Math.Log(seed.Weight) - Math.Log(sum)))]);
    }

    /// <summary>Trains on counted words.</summary>
    /// <exception cref="ArgumentException">An option is not valid, there are no words, or the vocabulary is smaller than the alphabet.</exception>
    public static UnigramModel Train(WordCounter words, UnigramOptions options, IProgress<TokenizerTrainingProgress>? progress = null, CancellationToken cancellation = default)
    {
        options.Validate();
        TokenModelTrainer.RequireWords(words);
        (string Word, long Count)[] sorted = [.. Enumerable.Range(0, words.Count).Select(i => (words.Word(i).ToString(), words.CountOf(i)))];
        Array.Sort(sorted, (a, b) => CodePointComparer.Instance.Compare(a.Word, b.Word));
        string[] special = [.. options.AllSpecialTokens];
        string[] characters = [.. sorted.SelectMany(w => w.Word.EnumerateRunes().Select(r => r.ToString())).Concat(options.InitialAlphabet).Distinct().Except(special)];
        Array.Sort(characters, CodePointComparer.Instance);
        if (options.VocabSize < special.Length + characters.Length)
            throw new ArgumentException($"VocabSize ({options.VocabSize}) must be at least {special.Length + characters.Length}: the special tokens and the characters of the corpus. Raise it.");
        var trainer = new UnigramTrainer(sorted, options, cancellation);
        trainer.Estimate(progress);
        return trainer.Finish(special, characters);
    }

    private void Estimate(IProgress<TokenizerTrainingProgress>? progress)
    {
        // The reference counts its unknown piece too.
        int desired = _options.VocabSize * 11 / 10;
        int start = _candidates.Count + 1;
        while (true)
        {
            for (int i = 0; i < _options.SubIterationCount; i++)
            {
                UnigramCandidates candidates = _candidates;
                candidates.Estimate(Sum((word, count, sums, lattice) => candidates.AddExpected(word, count, sums, lattice)));
            }

            int size = _candidates.Count + 1;
            progress?.Report(new(TokenizerTrainingStage.Pruning, Math.Min(start - size, Math.Max(0, start - desired)), Math.Max(0, start - desired)));
            if (size <= desired)
                return;
            _candidates = Prune(desired);
            if (_candidates.Count + 1 >= size)
                return;   // nothing more can go
        }
    }

    /// <summary>Sums over all words, part by part, in an order that does not depend on the threads.</summary>
    private double[] Sum(AddWord add)
    {
        int parts = Math.Clamp(_words.Length / 64, 1, MostParts);
        double[][] sums = new double[parts][];
        Parallel.For(0, parts, _parallel, part =>
        {
            double[] mine = new double[_candidates.Unknown + 1];
            var lattice = new UnigramCandidates.Lattice();
            int end = (int)((long)_words.Length * (part + 1) / parts);
            for (int i = (int)((long)_words.Length * part / parts); i < end; i++)
            {
                if (i % 4096 == 0)
                    _parallel.CancellationToken.ThrowIfCancellationRequested();
                add(_words[i], _counts[i], mine, lattice);
            }

            sums[part] = mine;
        });
        for (int part = 1; part < parts; part++)
        {
            for (int i = 0; i < sums[0].Length; i++)
                sums[0][i] += sums[part][i];
        }

        return sums[0];
    }

    /// <summary>Leaves out the pieces whose loss costs the corpus the least probability, if in their place stood what they are cut into without them.</summary>
    private UnigramCandidates Prune(int desired)
    {
        UnigramCandidates old = _candidates;
        int[] alive = [.. old.Alive];
        bool[] isBest = new bool[old.Pieces.Length];
        int[][] alternatives = new int[old.Pieces.Length][];
        Parallel.For(0, (alive.Length + 1023) / 1024, _parallel, block =>
        {
            var lattice = new UnigramCandidates.Lattice();
            for (int i = block * 1024; i < Math.Min(alive.Length, (block + 1) * 1024); i++)
                isBest[alive[i]] = old.FindAlternative(alive[i], lattice, out alternatives[alive[i]]);
        });

        double[] frequencies = Sum(old.AddBest);
        double all = _counts.Sum(count => (double)count);
        double sum = frequencies.Sum(), logSum = Math.Log(sum);
        var kept = new List<int>();
        var candidates = new List<(int Piece, double Loss)>();
        foreach (int piece in alive)
        {
            double frequency = frequencies[piece];
            if (alternatives[piece].Length == 0)
            {
                if (frequency > 0 || isBest[piece])
                    kept.Add(piece);
            }
            else if (frequency > 0)
            {
                double logProbability = Math.Log(frequency) - logSum;
                // The reference, and SentencePiece before it, takes the number of all pieces here instead of that of the parts.
                double logSumWithout = Math.Log(sum + frequency * alive.Length);
                double logProbabilityWithout = 0;
                foreach (int part in alternatives[piece])
                    logProbabilityWithout += Math.Log(frequencies[part] + frequency) - logSumWithout;
                candidates.Add((piece, frequency / all * (logProbability - logProbabilityWithout)));
            }
        }

        int size = Math.Max(desired, (int)((alive.Length + 1) * _options.ShrinkingFactor));
        kept.AddRange(candidates.OrderByDescending(c => c.Loss).Take(Math.Max(0, size - 1 - kept.Count)).Select(c => c.Piece));
        return new UnigramCandidates([.. kept.Select(piece => (old.Pieces[piece], old.Scores[piece]))]);
    }

    /// <summary>Makes the vocabulary: special tokens, then characters and the first pieces by their scores.</summary>
    private UnigramModel Finish(string[] special, string[] characters)
    {
        const double Step = 0.0001;
        Dictionary<string, double> scores = _candidates.Alive.ToDictionary(i => _candidates.Pieces[i], i => _candidates.Scores[i]);
        var pieces = new List<(string Piece, double Score)>();
        double penalty = 0;
        foreach (string character in characters)
        {
            if (scores.TryGetValue(character, out double score))
            {
                pieces.Add((character, score));
                continue;
            }

            pieces.Add((character, _candidates.LowestScore + penalty));
            penalty += Step;
        }

        var taken = new HashSet<string>([.. characters, .. special]);
        foreach (int i in _candidates.Alive)
        {
            if (pieces.Count + special.Length >= _options.VocabSize)
                break;
            if (taken.Add(_candidates.Pieces[i]))
                pieces.Add((_candidates.Pieces[i], _candidates.Scores[i]));
        }

        return new UnigramModel(
            [.. special.Select(token => (token, 0.0)), .. pieces.OrderByDescending(p => p.Score)], Array.IndexOf(special, _options.UnknownToken), _options.ByteFallback, isOfText: true);
    }

    private delegate void AddWord(ReadOnlySpan<byte> word, double count, double[] sums, UnigramCandidates.Lattice lattice);
}

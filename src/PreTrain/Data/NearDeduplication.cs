namespace PreTrain.Data;

/// <summary>
/// Drops documents that are nearly the same as one before that was kept: whose sets of word shingles are similar enough. Those kept are so pairwise different,
/// and each one dropped has a likeness among them.
/// </summary>
/// <remarks>
/// Candidates share a band of their MinHash signatures (Lee et al., "Deduplicating training data makes language models better", ACL 2022, section 4.2 and
/// appendix A); each is then compared by its whole set, so that none is dropped by an estimate. For every kept document, 4 bytes for each of its distinct
/// shingles and about 24 bytes for each band are remembered.
/// </remarks>
public sealed class NearDeduplication : CorpusStep
{
    private readonly NearDeduplicationOptions options;
    private readonly MinHash hash;

    /// <summary>Creates the step.</summary>
    /// <param name="options">When two documents are the same.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    public NearDeduplication(NearDeduplicationOptions? options = null)
    {
        this.options = options ?? new NearDeduplicationOptions();
        this.options.Validate();
        hash = new MinHash(this.options.Hashes, this.options.ShingleWords, this.options.Seed);
    }

    /// <inheritdoc/>
    public override string Name => "near deduplication";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output) => throw new NotSupportedException("A step with memory decides in order.");

    internal override StepMemory CreateMemory() => new Memory(hash, options);

    private sealed record Sketch(uint[] Shingles, ulong[] Bands);

    private sealed class Memory : StepMemory
    {
        private readonly MinHash hash;
        private readonly double threshold;
        private readonly int rows;
        private readonly Dictionary<ulong, int>[] buckets;
        private readonly List<uint[]> kept = [];
        private readonly List<int> next = [];       // of document d and band b, at d × bands + b: the document before it in the bucket
        private readonly List<int> compared = [];   // the document that each kept one was compared with last
        private int number;

        public Memory(MinHash hash, NearDeduplicationOptions options)
        {
            (this.hash, threshold) = (hash, options.Threshold);
            (var bands, rows) = MinHash.Bands(options.Hashes, options.Threshold);
            buckets = [.. Enumerable.Range(0, bands).Select(_ => new Dictionary<ulong, int>())];
        }

        public override object Prepare(string document)
        {
            var shingles = hash.Shingles(document);
            var signature = hash.Signature(shingles);
            var bands = new ulong[buckets.Length];
            for (var b = 0; b < bands.Length; b++)
                bands[b] = MinHash.BandKey(signature.AsSpan(b * rows, rows));
            return new Sketch(shingles, bands);
        }

        public override string? Decide(object prepared)
        {
            var (shingles, bands) = (Sketch)prepared;
            number++;
            for (var b = 0; b < bands.Length; b++)
            {
                for (var other = buckets[b].GetValueOrDefault(bands[b], -1); other >= 0; other = next[other * bands.Length + b])
                {
                    if (compared[other] == number)
                        continue;
                    compared[other] = number;
                    var (fewer, more) = (Math.Min(kept[other].Length, shingles.Length), Math.Max(kept[other].Length, shingles.Length));
                    if (fewer >= threshold * more && MinHash.Jaccard(kept[other], shingles) >= threshold)
                        return "near duplicate";
                }
            }
            for (var b = 0; b < bands.Length; b++)
            {
                next.Add(buckets[b].GetValueOrDefault(bands[b], -1));
                buckets[b][bands[b]] = kept.Count;
            }
            kept.Add(shingles);
            compared.Add(0);
            return null;
        }
    }
}

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace PreTrain.Data;

/// <summary>
/// Removes all but the first of every span of three sentences that comes more than once in a corpus, as C4 does (Raffel et al. 2020, section 2.2). It remembers 16 bytes of each span.
/// </summary>
/// <remarks>Case and white space do not count. Sentences of a document that is shorter stay. A document of which nothing is left is dropped.</remarks>
public sealed class SpanDeduplication : CorpusStep
{
    private const int SpanSentences = 3;

    /// <inheritdoc/>
    public override string Name => "span deduplication";

    /// <inheritdoc/>
    protected internal override void Process(string document, CorpusStepOutput output) => throw new NotSupportedException("A step with memory decides in order.");

    internal override StepMemory CreateMemory() => new Memory();

    private sealed class Memory : StepMemory
    {
        private readonly HashSet<UInt128> seen = [];
        private (List<(int Start, int Length)> Sentences, bool[] IsRemoved) last = ([], []);

        public override (string Name, long Count)? Change => ("repeated sentences removed", last.IsRemoved.LongCount(removed => removed));

        public override object Prepare(string document)
        {
            var sentences = Data.Sentences.Find(document);
            string[] normal = [.. sentences.Select(sentence =>
                string.Join(' ', document.Substring(sentence.Start, sentence.Length).ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)))];
            var spans = new UInt128[Math.Max(0, sentences.Count - SpanSentences + 1)];
            Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
            for (var i = 0; i < spans.Length; i++)
            {
                SHA256.HashData(MemoryMarshal.AsBytes(string.Join('\n', normal, i, SpanSentences).AsSpan()), hash);
                spans[i] = BinaryPrimitives.ReadUInt128LittleEndian(hash);
            }
            return (sentences, spans);
        }

        public override string? Decide(object prepared)
        {
            var (sentences, spans) = ((List<(int, int)>, UInt128[]))prepared;
            var isRemoved = new bool[sentences.Count];
            var firsts = new Dictionary<UInt128, int>();   // where spans that this document brings begin
            for (var i = 0; i < spans.Length; i++)
            {
                if (seen.Add(spans[i]))
                {
                    firsts.Add(spans[i], i);
                    continue;
                }
                // A sentence that comes again and again makes spans that reach into the first of them.
                var from = firsts.TryGetValue(spans[i], out var first) ? Math.Max(i, first + SpanSentences) : i;
                if (from < i + SpanSentences)
                    isRemoved.AsSpan(from, i + SpanSentences - from).Fill(true);
            }
            last = (sentences, isRemoved);
            return isRemoved.Length > 0 && isRemoved.All(removed => removed) ? "repeated spans alone" : null;
        }

        public override string Rewrite(string document)
        {
            var (sentences, isRemoved) = last;
            if (!isRemoved.Contains(true))
                return document;
            var kept = new StringBuilder(document.Length);
            for (var i = 0; i < sentences.Count; i++)
            {
                if (isRemoved[i])
                    continue;
                // With the white space that was before it.
                var from = kept.Length == 0 || i == 0 ? sentences[i].Start : sentences[i - 1].Start + sentences[i - 1].Length;
                kept.Append(document, from, sentences[i].Start + sentences[i].Length - from);
            }
            return kept.ToString();
        }
    }
}

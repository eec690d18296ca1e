using PreTrain.Data.Masking;
using static PreTrain.Tests.Data.Masking.MaskingFixture;

namespace PreTrain.Tests.Data.Masking;

public sealed class SequenceCorruptionTests
{
    private static readonly int s_sentinel = Unigram.TokenToId("<extra_id_0>")!.Value;

    private static long[] Text(int length) => [.. Enumerable.Range(0, length).Select(i => 40L + i)];

    private static bool IsSentinel(long id) => id >= s_sentinel && id < s_sentinel + 31;

    [Theory]
    [InlineData(2, true)]
    [InlineData(7, true)]
    [InlineData(67, true)]
    [InlineData(113, true)]
    [InlineData(113, false)]
    public void SpanCorruption_AnyText_IsWhatIsReadWithWhatIsWritten(int length, bool hasFinal)
    {
        var corruption = new SpanCorruption(Unigram, new() { HasFinalSentinel = hasFinal });
        long[] text = [.. Text(length).Select(id => id + 1000)];   // no sentinels among them
        int lost = Math.Clamp((int)Math.Round(length * 0.15), 1, length - 1), spans = Math.Max(1, (int)Math.Round(lost / 3.0));
        var shapes = new HashSet<string>();
        for (ulong seed = 0; seed < 50; seed++)
        {
            var (source, target) = corruption.Corrupt(text, seed);

            // The target's sentinels ascend; behind each stands a span, and the source has the same sentinels in their places.
            var written = new Dictionary<long, List<long>>();
            foreach (long id in target)
            {
                if (IsSentinel(id)) written.Add(id, []);
                else written[s_sentinel + written.Count - 1].Add(id);
            }
            Assert.Equal(Enumerable.Range(s_sentinel, spans + (hasFinal ? 1 : 0)).Select(id => (long)id), written.Keys);
            if (hasFinal) Assert.Empty(written[s_sentinel + spans]);
            Assert.All(Enumerable.Range(s_sentinel, spans), id => Assert.NotEmpty(written[id]));
            Assert.Equal(text, source.SelectMany(id => IsSentinel(id) ? written[id] : [id]));
            Assert.Equal(Enumerable.Range(s_sentinel, spans).Select(id => (long)id), source.Where(IsSentinel));
            Assert.Equal((length - lost + spans, lost + spans + (hasFinal ? 1 : 0)), (source.Length, target.Length));
            Assert.Equal(source, corruption.Corrupt(text, seed).Source);
            shapes.Add(string.Join(' ', source));
        }
        if (length > 50) Assert.True(shapes.Count > 40, "Other seeds give the same spans.");
    }

    [Fact]
    public void SpanCorruption_Spans_HaveTheAskedMeanAndLieAnywhere()
    {
        var corruption = new SpanCorruption(Unigram);
        long[] text = [.. Text(100).Select(id => id + 1000)];   // 15 lost in 5 spans
        var lengths = new List<int>();
        int[] hits = new int[100];
        for (ulong seed = 0; seed < 2000; seed++)
        {
            var (source, target) = corruption.Corrupt(text, seed);
            foreach (long lost in target.Where(id => !IsSentinel(id))) hits[lost - 1040]++;
            for (int i = 0, start = 0; i < target.Length; i++)
            {
                if (!IsSentinel(target[i])) continue;
                if (i > start) lengths.Add(i - start);
                start = i + 1;
            }
        }
        Assert.Equal(3, lengths.Average(), 1e-9);
        // 14 places for 4 cuts: a part of one token has the probability C(13, 3) / C(14, 4).
        Assert.Equal(286 / 1001.0, lengths.Count(length => length == 1) / (double)lengths.Count, 0.02);
        Assert.Equal(0, hits[0]);                     // a text begins with what stays, and ends with what is lost
        Assert.Equal(2000, hits[99]);
        Assert.All(hits[10..90], hit => Assert.InRange(hit, 150, 450));
    }

    [Fact]
    public void TextLength_OfT5_IsThatOfTheReference()
    {
        // The lengths that the authors' program computes for sources of 512 tokens, one of which ends the text; here without the limit of a vocabulary.
        var unigram = PreTrain.Tokenization.PipelineTokenizer.TrainUnigram(Documents, new()
        {
            VocabSize = 230,
            SpecialTokens = ["<pad>", "</s>", "<unk>", .. Enumerable.Range(0, 100).Select(i => $"<extra_id_{i}>")],
        }, cancellation: TestContext.Current.CancellationToken);
        var corruption = new SpanCorruption(unigram, new() { HasFinalSentinel = false });

        Assert.Equal(568, corruption.TextLength(511));
        var (source, target) = corruption.Corrupt([.. Text(568).Select(id => id + 1000)], 3);
        Assert.Equal((511, 113), (source.Length, target.Length));   // and the end of each
        for (int room = 2; room < 60; room++)
        {
            int length = corruption.TextLength(room);
            Assert.True(corruption.Corrupt(Text(length), 3).Source.Length <= room);
            Assert.True(corruption.Corrupt(Text(length + 1), 3).Source.Length > room);
        }
    }

    [Fact]
    public void PrefixSplit_AText_IsCutAnywhere()
    {
        long[] text = Text(7);
        var cuts = new int[8];
        for (ulong seed = 0; seed < 600; seed++)
        {
            var (source, target) = new PrefixSplit().Corrupt(text, seed);
            Assert.Equal(text, source.Concat(target));
            cuts[source.Length]++;
        }
        Assert.Equal((0, 0), (cuts[0], cuts[7]));
        Assert.All(cuts[1..7], count => Assert.InRange(count, 60, 140));
    }

    [Fact]
    public void Denoising_Infilling_PutsOneMaskForASpan()
    {
        var denoising = new Denoising(Bpe, new() { PermutesSentences = false });
        int mask = Bpe.SpecialTokens.Mask!.Value;
        long[] text = [.. Text(101).Select(id => id + 1000)];
        var lengths = new List<int>();
        for (ulong seed = 0; seed < 300; seed++)
        {
            var (source, target) = denoising.Corrupt(text, seed);
            Assert.Equal(text, target);
            Assert.Equal(text.Length - 30, source.Count(id => id != mask));   // 30 % are lost
            Assert.True(source.Length <= text.Length);
            Assert.Equal(source.Where(id => id != mask), source.Where(id => id != mask).Order());
            // What is missing between two tokens, where one mask stands.
            for (int i = 1; i + 1 < source.Length; i++)
                if (source[i] == mask && source[i - 1] != mask && source[i + 1] != mask) lengths.Add((int)(source[i + 1] - source[i - 1] - 1));
        }
        Assert.InRange(lengths.Average(), 2.6, 3.1);   // Poisson's 3, less what the budget cuts off
        Assert.InRange(lengths.Count(length => length == 0) / (double)lengths.Count, 0.03, 0.08);   // e⁻³
    }

    [Fact]
    public void Denoising_SentencesAndRotation_KeepWhatTheyMove()
    {
        long[] text = Encode(Bpe, Documents[3]);
        string Sentences(long[] ids) => Bpe.Decode(ids.Select(id => (int)id));
        int moved = 0, rotated = 0;
        for (ulong seed = 0; seed < 40; seed++)
        {
            var (permuted, target) = new Denoising(Bpe, new() { InfillingRate = 0 }).Corrupt(text, seed);
            Assert.Equal(text, target);
            Assert.Equal(text.Order(), permuted.Order());
            foreach (string sentence in new[] { "A reader doesn't copy them, and another reader waits!", "Nobody knows whether asynchronous readers cooperate." }) Assert.Contains(sentence, Sentences(permuted));
            if (!permuted.SequenceEqual(text)) moved++;
            long[] turned = new Denoising(Bpe, new() { InfillingRate = 0, PermutesSentences = false, RotationShare = 1 }).Corrupt(text, seed).Source;
            int start = Enumerable.Range(0, text.Length).First(i => turned.SequenceEqual([.. text[i..], .. text[..i]]));
            if (start > 0) rotated++;
        }
        Assert.True(moved > 30 && rotated > 30, $"{moved} texts have their sentences moved, {rotated} are rotated.");
    }

    [Fact]
    public void Denoising_DeletionAndMasking_TakeTheAskedShares()
    {
        long[] text = [.. Text(101).Select(id => id + 1000)];
        int mask = Bpe.SpecialTokens.Mask!.Value;

        long[] deleted = new Denoising(Bpe, new() { InfillingRate = 0, PermutesSentences = false, DeletionRate = 0.2 }).Corrupt(text, 3).Source;
        long[] masked = new Denoising(Bpe, new() { InfillingRate = 0, PermutesSentences = false, MaskingRate = 0.2 }).Corrupt(text, 3).Source;

        Assert.Equal(81, deleted.Length);
        Assert.Equal(deleted.Order(), deleted);
        Assert.Equal((101, 20), (masked.Length, masked.Count(id => id == mask)));
    }

    [Fact]
    public void Constructors_InputsThatDoNotFit_Throw()
    {
        Assert.StartsWith("The tokenizer has no sentinel tokens. Train one with <extra_id_0>", Assert.Throws<ArgumentException>(() => new SpanCorruption(Bpe)).Message);
        Assert.StartsWith("The tokenizer has no mask token.", Assert.Throws<ArgumentException>(() => new Denoising(Unigram)).Message);
        Assert.Equal("Rate (1) must be more than 0 and less than 1; 0.15 is usual. MeanSpanLength (0.5) must be at least 1.",
            Assert.Throws<ArgumentException>(() => new SpanCorruption(Unigram, new() { Rate = 1, MeanSpanLength = 0.5 })).Message);
        Assert.Equal("InfillingRate (-0.1) must be at least 0 and less than 1. RotationShare (2) must be from 0 to 1.",
            Assert.Throws<ArgumentException>(() => new Denoising(Bpe, new() { InfillingRate = -0.1, RotationShare = 2 })).Message);
        Assert.Equal("Nothing is done to the texts; set one of the rates.", Assert.Throws<ArgumentException>(() => new Denoising(Bpe, new() { InfillingRate = 0, PermutesSentences = false })).Message);
        Assert.StartsWith("A text of 1137 tokens needs 58 sentinels, and the vocabulary has 31 (<extra_id_0> to <extra_id_30>).", Assert.Throws<ArgumentException>(() => new SpanCorruption(Unigram).TextLength(1023)).Message);
        Assert.StartsWith("A source of 1 tokens has no room for text beside a sentinel.", Assert.Throws<ArgumentException>(() => new SpanCorruption(Unigram).TextLength(1)).Message);
    }
}

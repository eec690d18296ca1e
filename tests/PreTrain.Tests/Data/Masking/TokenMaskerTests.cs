using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tokenization;
using static PreTrain.Tests.Data.Masking.MaskingFixture;

namespace PreTrain.Tests.Data.Masking;

public sealed class TokenMaskerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static long[] Row(TextTokenizer tokenizer, int documents = 2) =>
        [tokenizer.SpecialTokens.Classification ?? 0, .. Documents.Take(documents).SelectMany(text => Encode(tokenizer, text).Append(tokenizer.SpecialTokens.Separator ?? 1))];

    /// <summary>The words of a row of WordPiece tokens by their spelling: ## goes on, and punctuation stands alone.</summary>
    private static List<int[]> Words(TextTokenizer tokenizer, long[] row)
    {
        var words = new List<int[]>();
        for (int i = 0; i < row.Length; i++)
        {
            string token = tokenizer.IdToToken((int)row[i])!;
            if (token is "[CLS]" or "[SEP]") continue;
            if (token.StartsWith("##", StringComparison.Ordinal)) words[^1] = [.. words[^1], i];
            else words.Add([i]);
        }
        return words;
    }

    /// <summary>What a masker must choose, step by step: a random order of units, from each of which a run of units is taken while it does not pass the budget.</summary>
    private static HashSet<int> Reference(List<int[]> units, double rate, double[] lengthWeights, bool isSpan, ulong seed)
    {
        var random = new MaskRandom(seed);
        int budget = Math.Max(1, (int)Math.Round(rate * units.Sum(unit => unit.Length)));
        var chosen = new HashSet<int>();
        foreach (int first in random.Permutation(units.Count))
        {
            if (chosen.Count >= budget) break;
            if (units[first].Any(chosen.Contains)) continue;
            int length = 1;
            if (lengthWeights.Length > 1)
            {
                double draw = random.NextDouble() * lengthWeights.Sum(), sum = lengthWeights[0];
                while (length < lengthWeights.Length && draw >= sum) sum += lengthWeights[length++];
            }
            if (isSpan) random.NextDouble();
            foreach (int[] unit in units.Skip(first).Take(length))
            {
                bool follows = unit == units[first] || (chosen.Contains(unit[0] - 1) && !chosen.Contains(unit[0]));
                if (!follows || chosen.Count + unit.Length > budget) break;
                foreach (int place in unit)
                {
                    chosen.Add(place);
                    if (!isSpan) random.NextDouble();   // how it is replaced; never at random here, which would draw once more
                }
            }
        }
        return chosen;
    }

    [Theory]
    [InlineData(MaskingUnit.Token, 0.15)]
    [InlineData(MaskingUnit.Token, 0.4)]
    [InlineData(MaskingUnit.WholeWord, 0.15)]
    [InlineData(MaskingUnit.WholeWord, 0.4)]
    [InlineData(MaskingUnit.NGram, 0.15)]
    [InlineData(MaskingUnit.NGram, 0.4)]
    [InlineData(MaskingUnit.Span, 0.15)]
    [InlineData(MaskingUnit.Span, 0.4)]
    public void Mask_AnyUnit_ChoosesAsTheReference(MaskingUnit unit, double rate)
    {
        long[] row = Row(WordPiece);
        var masker = new TokenMasker(WordPiece, new MaskingOptions { Unit = unit, Rate = rate, MaskShare = 0.7, RandomShare = 0, KeepShare = 0.3 });
        List<int[]> words = Words(WordPiece, row), units = unit == MaskingUnit.Token ? [.. words.SelectMany(word => word).Select(place => new[] { place })] : words;
        Assert.Contains(words, word => word.Length > 2);
        double[] lengths = unit switch
        {
            MaskingUnit.NGram => [1, 1 / 2.0, 1 / 3.0],
            MaskingUnit.Span => [.. Enumerable.Range(0, 10).Select(n => Math.Pow(0.8, n))],
            _ => [1],
        };
        for (ulong seed = 0; seed < 50; seed++)
        {
            long[] ids = [.. row], targets = new long[row.Length];

            int count = masker.Mask(ids, targets, seed);

            HashSet<int> expected = Reference(units, rate, lengths, unit == MaskingUnit.Span, seed);
            Assert.Equal(expected.Order(), Enumerable.Range(0, row.Length).Where(i => targets[i] != TokenMasker.Ignored));
            Assert.Equal(expected.Count, count);
            for (int i = 0; i < row.Length; i++)
            {
                if (expected.Contains(i)) Assert.Equal(row[i], targets[i]);
                Assert.True(ids[i] == row[i] || (expected.Contains(i) && ids[i] == masker.MaskId), $"Token {i} was changed to {ids[i]}.");
            }
        }
    }

    [Fact]
    public void Mask_ManyRows_ReplacesInTheAskedShares()
    {
        long[] row = Row(WordPiece);
        var masker = new TokenMasker(WordPiece);
        int mask = 0, random = 0, keep = 0;
        var randoms = new HashSet<long>();
        for (ulong seed = 0; seed < 500; seed++)
        {
            long[] ids = [.. row], targets = new long[row.Length];
            masker.Mask(ids, targets, seed);
            for (int i = 0; i < row.Length; i++)
            {
                if (targets[i] == TokenMasker.Ignored) continue;
                if (ids[i] == masker.MaskId) mask++;
                else if (ids[i] == row[i]) keep++;
                else (random, _) = (random + 1, randoms.Add(ids[i]));
            }
        }
        double total = mask + random + keep;
        Assert.InRange(total / (500.0 * row.Count(id => !WordPiece.IsSpecial((int)id))), 0.14, 0.16);
        // Five standard deviations; a random token is now and then the former one.
        double Bound(double share) => 5 * Math.Sqrt(share * (1 - share) / total) + 0.1 / WordPiece.VocabSize;
        Assert.Equal(0.8, mask / total, Bound(0.8));
        Assert.Equal(0.1, random / total, Bound(0.1));
        Assert.Equal(0.1, keep / total, Bound(0.1));
        Assert.All(randoms, id => Assert.False(WordPiece.IsSpecial((int)id)));
        Assert.True(randoms.Count > WordPiece.VocabSize / 2, "Random tokens come from a part of the vocabulary only.");
    }

    [Fact]
    public void Mask_Spans_AreReplacedInOneWay()
    {
        long[] row = Row(WordPiece);
        var masker = new TokenMasker(WordPiece, new MaskingOptions { Unit = MaskingUnit.Span, Rate = 0.02, MaskShare = 0.5, RandomShare = 0, KeepShare = 0.5 });
        int masked = 0, kept = 0;
        for (ulong seed = 0; seed < 200; seed++)
        {
            long[] ids = [.. row], targets = new long[row.Length];
            masker.Mask(ids, targets, seed);
            bool[] hidden = [.. Enumerable.Range(0, row.Length).Where(i => targets[i] != TokenMasker.Ignored).Select(i => ids[i] == masker.MaskId)];
            int[] places = [.. Enumerable.Range(0, row.Length).Where(i => targets[i] != TokenMasker.Ignored)];
            if (places[^1] - places[0] != places.Length - 1 || places.Length < 3) continue;   // several spans
            if (hidden.All(h => h)) masked++;
            if (hidden.All(h => !h)) kept++;
        }
        Assert.True(masked > 5 && kept > 5, $"{masked} spans are masked as a whole, {kept} are kept as a whole.");
    }

    [Fact]
    public void Mask_Entities_AreMaskedAsAWhole()
    {
        string lexicon = _folder.File("lexicon.txt");
        File.WriteAllText(lexicon, "# what readers are\nasynchronous readers\r\n\nunsupported elements\nThe end\nThe end of part\n");
        long[] row = Row(WordPiece, 1);
        var masker = new TokenMasker(WordPiece, new MaskingOptions { Unit = MaskingUnit.Entity, LexiconFile = lexicon, Rate = 0.5 });
        string[] phrases = ["asynchronous readers", "unsupported elements", "The end of part"];
        var places = phrases.Select(phrase => PlaceOf(row, Encode(WordPiece, phrase))).ToArray();
        int whole = 0;
        for (ulong seed = 0; seed < 50; seed++)
        {
            long[] ids = [.. row], targets = new long[row.Length];
            masker.Mask(ids, targets, seed);
            foreach (var (start, length) in places)
            {
                bool[] hidden = [.. targets.Skip(start).Take(length).Select(target => target != TokenMasker.Ignored)];
                Assert.True(hidden.All(h => h == hidden[0]), "A phrase is masked in part.");
                if (hidden[0]) whole++;
            }
        }
        Assert.InRange(whole, 30, 120);

        static (int Start, int Length) PlaceOf(long[] row, long[] phrase) => (Enumerable.Range(0, row.Length).First(i => row.AsSpan(i).StartsWith(phrase)), phrase.Length);
    }

    [Fact]
    public void Mask_WordsOfOtherTokenizers_AreWhole()
    {
        // In BPE's vocabulary a word begins with the sign of a blank; punctuation stands alone.
        long[] row = [.. Documents.Take(2).SelectMany(text => Encode(Bpe, text))];
        var masker = new TokenMasker(Bpe, new MaskingOptions { Unit = MaskingUnit.WholeWord, MaskShare = 1, RandomShare = 0, KeepShare = 0 });
        for (ulong seed = 0; seed < 50; seed++)
        {
            long[] ids = [.. row], targets = new long[row.Length];
            masker.Mask(ids, targets, seed);
            for (int i = 1; i < row.Length; i++)
            {
                string before = Bpe.IdToToken((int)row[i - 1])!, token = Bpe.IdToToken((int)row[i])!;
                bool isOneWord = char.IsLetterOrDigit(before[^1]) && char.IsLetterOrDigit(token[0]);
                if (isOneWord) Assert.True(ids[i - 1] == masker.MaskId == (ids[i] == masker.MaskId), $"'{before}' and '{token}' are parts of a word, and one of them is masked.");
            }
        }
    }

    [Fact]
    public void Mask_RowsWithLittleText_HasOneTarget()
    {
        var masker = new TokenMasker(WordPiece, new MaskingOptions { Unit = MaskingUnit.WholeWord });
        long[] word = Encode(WordPiece, "asynchronous"), targets = new long[word.Length], ids = [.. word];
        Assert.True(word.Length > 1);

        Assert.Equal(word.Length, masker.Mask(ids, targets, 3));   // longer than the budget of one token, and all there is
        Assert.Equal(word, targets);
        long[] special = [WordPiece.SpecialTokens.Classification!.Value, WordPiece.SpecialTokens.Separator!.Value], none = new long[2];
        Assert.Equal(0, masker.Mask(special, none, 3));
        Assert.Equal([TokenMasker.Ignored, TokenMasker.Ignored], none);
        Assert.Throws<ArgumentException>(() => masker.Mask(new long[3], new long[2], 3));
    }

    [Fact]
    public void Constructor_InputsThatDoNotFit_Throws()
    {
        void Throws(string message, MaskingOptions options) => Assert.Equal(message, Assert.Throws<ArgumentException>(() => new TokenMasker(WordPiece, options)).Message);
        Throws("Rate (0) must be more than 0 and less than 1; 0.15 is usual.", new() { Rate = 0 });
        Throws("Rate (1) must be more than 0 and less than 1; 0.15 is usual.", new() { Rate = 1 });
        Throws("Rate (NaN) must be more than 0 and less than 1; 0.15 is usual.", new() { Rate = double.NaN });
        Throws("MaskShare (0.8), RandomShare (0.1) and KeepShare (0.3) must sum to 1, not to 1.2.", new() { KeepShare = 0.3 });
        Throws("MaskShare (1.5) must be from 0 to 1. MaxNGram (0) must be at least 1.", new() { MaskShare = 1.5, MaxNGram = 0 });
        Throws("Unit (Entity) needs LexiconFile, a text file with a phrase on each line.", new() { Unit = MaskingUnit.Entity });
        Assert.StartsWith("The tokenizer has no mask token. Train one with [MASK] or <mask> among its special tokens", Assert.Throws<ArgumentException>(() => new TokenMasker(Unigram)).Message);
        string missing = _folder.File("no.txt"), empty = _folder.File("empty.txt");
        File.WriteAllText(empty, "# nothing\n");
        Assert.Contains("no.txt' cannot be read", Assert.Throws<CorpusException>(() => new TokenMasker(WordPiece, new() { Unit = MaskingUnit.Entity, LexiconFile = missing })).Message);
        Assert.Contains("holds no phrase", Assert.Throws<CorpusException>(() => new TokenMasker(WordPiece, new() { Unit = MaskingUnit.Entity, LexiconFile = empty })).Message);
    }
}

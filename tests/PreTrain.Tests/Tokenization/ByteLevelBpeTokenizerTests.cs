using System.Diagnostics;
using System.Text;
using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Tokenization;

public class ByteLevelBpeTokenizerTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Train_CorpusOfTheReference_FindsItsMerges(int training)
    {
        JsonElement expected = BpeFixture.Trainings[training];
        string[] specials = [.. expected.GetProperty("specialTokens").EnumerateArray().Select(e => e.GetString()!)];

        var tokenizer = ByteLevelBpeTokenizer.Train(
            BpeFixture.Corpus,
            new() { VocabSize = expected.GetProperty("vocabSize").GetInt32(), MinFrequency = expected.GetProperty("minFrequency").GetInt64(), SpecialTokens = specials },
            cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(
            expected.GetProperty("merges").EnumerateArray().Select(m => (m[0].GetInt32(), m[1].GetInt32())),
            tokenizer.Merges.Select(m => (tokenizer.TokenToId(m.Left)!.Value, tokenizer.TokenToId(m.Right)!.Value)));
        Assert.Equal(expected.GetProperty("size").GetInt32(), tokenizer.VocabSize);
        Assert.Equal(specials.Length > 0 ? 0 : null, tokenizer.EndOfTextId);
        Assert.Equal(specials, specials.Select((_, id) => tokenizer.IdToToken(id)));
    }

    [Theory]
    [InlineData("</s>", "<s>", "<s> <pad> </s> <unk> <mask>")]
    [InlineData("<end>", "<s>", "<s> <pad> <end>")]
    [InlineData("<end>", "<end>", "<end> <user>")]
    [InlineData(null, null, "[CLS] [SEP] [MASK]")]
    public void Train_SpecialTokensOfUsualNames_HaveTheirRoles(string? end, string? begin, string special)
    {
        var tokenizer = ByteLevelBpeTokenizer.Train(["a text"], new() { VocabSize = 270, SpecialTokens = special.Split(' ') }, cancellation: TestContext.Current.CancellationToken);

        Assert.Equal(end, tokenizer.EndOfTextId is { } id ? tokenizer.IdToToken(id) : null);
        Assert.Equal(begin, tokenizer.SpecialTokens.BeginOfText is { } first ? tokenizer.IdToToken(first) : null);
    }

    [Fact]
    public void Train_DifferentNumbersOfThreads_GiveTheSameTokenizer()
    {
        // Documents of more than a batch, so that they are cut and spread.
        string[] corpus = [.. BpeFixture.Corpus, string.Join(' ', Enumerable.Repeat(string.Join(' ', BpeFixture.Corpus), 120)), .. BpeFixture.Corpus];
        Assert.True(corpus.Max(document => document.Length) > 1 << 20);

        string[] prints = [.. new[] { 1, 2, 5 }.Select(threads => ByteLevelBpeTokenizer.Train(
            corpus, new() { VocabSize = 701, Threads = threads }, cancellation: TestContext.Current.CancellationToken).Fingerprint)];

        Assert.Equal([prints[0], prints[0], prints[0]], prints);
    }

    [Fact]
    public void Train_AnySmallCorpus_MatchesTheObviousAlgorithm()
    {
        Gen<string> word = Gen.Choose(1, 19).SelectMany(n => Gen.Elements('a', 'b', 'c', 'a').ArrayOf(n)).Select(letters => new string(letters));
        Prop.ForAll(word.NonEmptyListOf().ToArbitrary(), words =>
        {
            string text = string.Join(' ', words);
            var tokenizer = ByteLevelBpeTokenizer.Train([text], new() { VocabSize = 320, SpecialTokens = [], Threads = 1 });
            return ObviousMerges(text, 320).SequenceEqual(tokenizer.Merges);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Train_ReportsProgress_UpToTheEnd()
    {
        var reports = new List<TokenizerTrainingProgress>();
        ByteLevelBpeTokenizer.Train(
            BpeFixture.Corpus, new() { VocabSize = 601, Threads = 1 }, new Recorder(reports), TestContext.Current.CancellationToken);

        Assert.Contains(new(TokenizerTrainingStage.CountingWords, BpeFixture.Corpus.Sum(d => (long)d.Length), null), reports);
        Assert.Equal(new(TokenizerTrainingStage.Merging, 601 - 257, 601 - 257), reports[^1]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Train_Cancelled_Stops(int threads)
    {
        using var stop = new CancellationTokenSource();
        IEnumerable<string> Endless()
        {
            for (int i = 0; ; i++)
            {
                if (i == 5000)
                    stop.Cancel();
                yield return new string('x', 1000) + i;
            }
        }

        Assert.ThrowsAny<OperationCanceledException>(() => ByteLevelBpeTokenizer.Train(Endless(), new() { Threads = threads }, cancellation: stop.Token));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Train_CorpusThatFails_RaisesItsException(int threads)
    {
        static IEnumerable<string> Failing()
        {
            for (int i = 0; i < 3000; i++)
                yield return new string('x', 1000);
            throw new FileNotFoundException("gone");
        }

        Assert.Equal("gone", Assert.Throws<FileNotFoundException>(() => ByteLevelBpeTokenizer.Train(Failing(), new() { Threads = threads }, cancellation: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Train_EmptyCorpus_IsRefused()
    {
        var fault = Assert.Throws<ArgumentException>(() => ByteLevelBpeTokenizer.Train(["", ""], new(), cancellation: TestContext.Current.CancellationToken));
        Assert.Equal("The corpus holds no text; give at least one document that is not empty. (Parameter 'corpus')", fault.Message);
        fault = Assert.Throws<ArgumentException>(() => ByteLevelBpeTokenizer.Train(["a", null!], new(), cancellation: TestContext.Current.CancellationToken));
        Assert.Equal("The corpus holds null as document 1; leave it out. (Parameter 'corpus')", fault.Message);
    }

    [Fact]
    public void Encode_TextsThatHurt_GivesTheReferencesIds()
    {
        int count = 0;
        foreach ((string text, int[] ids) in BpeFixture.Encodings)
        {
            count++;
            Assert.Equal(ids, BpeFixture.Tokenizer.Encode(text));
            Assert.Equal(ids, BpeFixture.Tokenizer.Encode(text));   // from the cache
            Assert.Equal(ids, BpeFixture.Tokenizer.EncodeToIds(text));
            Assert.Equal(ids, BpeFixture.Tokenizer.EncodeToTokens(text, out _).Select(t => t.Id));
            Assert.Equal(ids.Length, BpeFixture.Tokenizer.CountTokens(text));
        }

        Assert.True(count > 70);
    }

    [Fact]
    public void Encode_AllTextsAtOnceAndOnManyThreads_GivesTheIdsOfEach()
    {
        (string Text, int[] Ids)[] texts = [.. BpeFixture.Encodings.Where(e => e.Text.Length > 0)];
        Parallel.For(0, 8, i =>
        {
            for (int k = 0; k < texts.Length; k++)
                Assert.Equal(texts[(k + i * 7) % texts.Length].Ids, BpeFixture.Tokenizer.Encode(texts[(k + i * 7) % texts.Length].Text));
        });
    }

    [Fact]
    public void Encode_AddedTokensOfALoadedFile_AreFoundAsByTheReference()
    {
        using var folder = new TemporaryFolder();
        folder.Write("tokenizer.json", BpeFixture.AddedFile);
        var tokenizer = ByteLevelBpeTokenizer.Load(folder.Path);

        foreach ((string text, int[] ids) in BpeFixture.AddedEncodings)
        {
            Assert.Equal(ids, tokenizer.Encode(text));
            Assert.Equal(ids, tokenizer.EncodeToTokens(text, out _).Select(t => t.Id));
        }
    }

    [Fact]
    public void Encode_PrefixSpace_IsAddedAsByTheReference()
    {
        using var folder = new TemporaryFolder();
        string file = folder.Write("other.json", BpeFixture.AddedFile.Replace("\"add_prefix_space\":false", "\"add_prefix_space\":true", StringComparison.Ordinal));
        var tokenizer = ByteLevelBpeTokenizer.Load(file);

        foreach ((string text, int[] ids) in BpeFixture.PrefixedEncodings)
        {
            Assert.Equal(ids, tokenizer.Encode(text));
            IReadOnlyList<Microsoft.ML.Tokenizers.EncodedToken> tokens = tokenizer.EncodeToTokens(text, out _);
            Assert.Equal(ids, tokens.Select(t => t.Id));
            Assert.All(tokens, token => Assert.InRange(token.Offset.Start.Value, 0, text.Length));
        }
    }

    [Fact]
    public void Encode_AnyValidString_DecodesToItself()
    {
        Prop.ForAll(ValidStrings.Arbitrary, text => BpeFixture.Tokenizer.Decode(BpeFixture.Tokenizer.Encode(text)) == text)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Encode_AnyValidString_MatchesTheObviousAlgorithm()
    {
        Dictionary<(string, string), int> ranks = BpeFixture.Tokenizer.Merges.Select((merge, rank) => (merge, rank)).ToDictionary(m => m.merge, m => m.rank);
        Prop.ForAll(ValidStrings.Arbitrary, text =>
        {
            text = text.Replace("<|endoftext|>", "<>", StringComparison.Ordinal);
            IEnumerable<int> expected = Gpt2PreTokenizer.Instance.PreTokenize(text)
                .SelectMany(piece => ObviousEncoding(text.Substring(piece.Offset, piece.Length), ranks))
                .Select(token => BpeFixture.Tokenizer.TokenToId(token)!.Value);
            return expected.SequenceEqual(BpeFixture.Tokenizer.Encode(text));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    [Fact]
    public void Encode_LoneSurrogates_AreReplacementCharacters()
    {
        int[] expected = BpeFixture.Tokenizer.Encode("a\ufffdb \ufffd!\ufffd");
        Assert.Equal(expected, BpeFixture.Tokenizer.Encode("a\ud800b \udc00!\ud835"));
        Assert.Equal("a\ufffdb \ufffd!\ufffd", BpeFixture.Tokenizer.Decode(expected));
    }

    [Fact]
    public void Encode_WordOfAMillionCharacters_IsNotQuadratic()
    {
        string word = string.Concat(Enumerable.Repeat("abbaabaaab", 100_000));
        var watch = Stopwatch.StartNew();
        int[] ids = BpeFixture.Tokenizer.Encode(word);
        // A quadratic algorithm takes minutes.
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(10), $"{watch.Elapsed}");
        Assert.Equal(word, BpeFixture.Tokenizer.Decode(ids));
    }

    [Fact]
    public void Encode_CachedWords_AllocatesNothingPerToken()
    {
        string text = string.Concat(Enumerable.Repeat("Returns the number of elements in the sequence. ", 2000));
        var ids = new List<int>(200_000);
        var tokenizer = ByteLevelBpeTokenizer.Train(BpeFixture.Corpus, new() { VocabSize = 307 }, cancellation: TestContext.Current.CancellationToken);
        tokenizer.Encode(text, ids);
        ids.Clear();
        long before = GC.GetAllocatedBytesForCurrentThread();
        tokenizer.Encode(text, ids);
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.True(ids.Count > 20_000);
        Assert.True(allocated < 1000, $"{allocated} bytes");
    }

    [Fact]
    public void EncodeToTokens_CharactersOverSeveralTokens_EachCoversTheWholeCharacter()
    {
        var tokens = BpeFixture.Tokenizer.EncodeToTokens("a🙂b", out string? normalized);
        Assert.Null(normalized);
        Assert.Equal((0..1, 3..4), (tokens[0].Offset, tokens[^1].Offset));
        Assert.True(tokens.Count > 3);
        Assert.All(tokens.Skip(1).SkipLast(1), token => Assert.Equal(1..3, token.Offset));
    }

    [Fact]
    public void EncodeToIds_Limited_NeverCutsWithinACharacter()
    {
        const string Text = "Returns🙂 the 語 x<|endoftext|>y";
        int[] all = BpeFixture.Tokenizer.Encode(Text);
        for (int limit = 0; limit <= all.Length + 1; limit++)
        {
            IReadOnlyList<int> ids = BpeFixture.Tokenizer.EncodeToIds(Text, limit, out _, out int consumed);
            Assert.True(ids.Count <= limit);
            Assert.Equal(all.Take(ids.Count), ids);
            Assert.Equal(Text[..consumed], BpeFixture.Tokenizer.Decode(ids));
            Assert.Equal(consumed, BpeFixture.Tokenizer.GetIndexByTokenCount(Text, limit, out _, out int count));
            Assert.Equal(ids.Count, count);
        }

        Assert.Equal(Text.Length - 1, BpeFixture.Tokenizer.GetIndexByTokenCountFromEnd(Text, 1, out _, out _));
    }

    [Fact]
    public void EncodeToIds_WithoutPreTokenization_StillDecodesToTheText()
    {
        Assert.Equal("a\n\nb c", BpeFixture.Tokenizer.Decode(BpeFixture.Tokenizer.EncodeToIds("a\n\nb c", considerPreTokenization: false)));
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(100_000)]
    [InlineData(int.MaxValue)]
    public void Decode_IdOutOfRange_IsRefused(int id)
    {
        Assert.NotNull(BpeFixture.Tokenizer.IdToToken(BpeFixture.Tokenizer.VocabSize - 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => BpeFixture.Tokenizer.Decode([BpeFixture.Tokenizer.VocabSize]));
        var fault = Assert.Throws<ArgumentOutOfRangeException>(() => BpeFixture.Tokenizer.Decode([1, id]));
        Assert.StartsWith($"The id {id} stands for no token; this vocabulary has the ids 0 to {BpeFixture.Tokenizer.VocabSize - 1}.", fault.Message, StringComparison.Ordinal);
        Assert.Null(BpeFixture.Tokenizer.IdToToken(id));
    }

    [Fact]
    public void Decode_SpecialTokens_AreKeptOrSkipped()
    {
        int[] ids = BpeFixture.Tokenizer.Encode("a<|endoftext|>b");
        Assert.Equal("a<|endoftext|>b", BpeFixture.Tokenizer.Decode(ids));
        Assert.Equal("ab", BpeFixture.Tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    [Fact]
    public void Decode_AnyIds_MatchesTheWholeBytes()
    {
        Prop.ForAll(Gen.Choose(0, BpeFixture.Tokenizer.VocabSize - 1).ArrayOf().ToArbitrary(), ids =>
        {
            byte[] bytes = [.. ids.SelectMany(id => BpeFixture.Tokenizer.GetTokenBytes(id, false).ToArray())];
            return BpeFixture.Tokenizer.Decode(ids) == Encoding.UTF8.GetString(bytes);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Save_ThenLoad_GivesTheSameTokenizer()
    {
        using var folder = new TemporaryFolder();
        BpeFixture.Tokenizer.Save(folder.File("model"));
        var loaded = ByteLevelBpeTokenizer.Load(folder.File("model"));

        Assert.Equal(BpeFixture.Tokenizer.Fingerprint, loaded.Fingerprint);
        Assert.Equal(BpeFixture.Tokenizer.VocabSize, loaded.VocabSize);
        Assert.Equal(0, loaded.EndOfTextId);
        Assert.True(loaded.IsSpecial(0));
        foreach ((string text, int[] ids) in BpeFixture.Encodings)
            Assert.Equal(ids, loaded.Encode(text));
        Assert.Equal(["tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(folder.File("model")).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void Save_FileOfTheReference_KeepsItsAddedTokens()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = ByteLevelBpeTokenizer.Load(folder.Write("tokenizer.json", BpeFixture.AddedFile));
        tokenizer.Save(folder.File("again"));
        var loaded = ByteLevelBpeTokenizer.Load(folder.File("again"));

        Assert.Equal(tokenizer.Fingerprint, loaded.Fingerprint);
        foreach ((string text, int[] ids) in BpeFixture.AddedEncodings)
            Assert.Equal(ids, loaded.Encode(text));
    }

    [Fact]
    public void Fingerprint_AnotherTokenizer_IsAnother()
    {
        var other = ByteLevelBpeTokenizer.Train(BpeFixture.Corpus, new() { VocabSize = 701 }, cancellation: TestContext.Current.CancellationToken);
        Assert.Matches("^[0-9a-f]{64}$", other.Fingerprint);
        Assert.NotEqual(BpeFixture.Tokenizer.Fingerprint, other.Fingerprint);
    }

    private static IEnumerable<string> ObviousEncoding(string word, Dictionary<(string, string), int> ranks)
    {
        List<string> parts = [.. Encoding.UTF8.GetBytes(word).Select(b => ByteAlphabet.ToChar(b).ToString())];
        while (true)
        {
            int best = -1, rank = int.MaxValue;
            for (int i = 0; i + 1 < parts.Count; i++)
            {
                if (ranks.TryGetValue((parts[i], parts[i + 1]), out int r) && r < rank)
                    (best, rank) = (i, r);
            }

            if (best < 0)
                return parts;
            parts[best] += parts[best + 1];
            parts.RemoveAt(best + 1);
        }
    }

    /// <summary>Counts all pairs anew for every merge.</summary>
    private static List<(string, string)> ObviousMerges(string text, int vocabSize)
    {
        List<string> tokens = [.. ByteAlphabet.InOrder.Select(c => c.ToString())];
        List<List<string>> words = [.. Gpt2PreTokenizer.Instance.PreTokenize(text)
            .Select(p => Encoding.UTF8.GetBytes(text.Substring(p.Offset, p.Length)).Select(b => ByteAlphabet.ToChar(b).ToString()).ToList())];
        var merges = new List<(string, string)>();
        while (tokens.Count < vocabSize)
        {
            var counts = new Dictionary<(string, string), long>();
            foreach (List<string> word in words)
            {
                for (int i = 0; i + 1 < word.Count; i++)
                    counts[(word[i], word[i + 1])] = counts.GetValueOrDefault((word[i], word[i + 1])) + 1;
            }

            if (counts.Count == 0)
                break;
            (string left, string right) = counts.OrderByDescending(c => c.Value).ThenBy(c => tokens.IndexOf(c.Key.Item1)).ThenBy(c => tokens.IndexOf(c.Key.Item2)).First().Key;
            merges.Add((left, right));
            tokens.Add(left + right);
            foreach (List<string> word in words)
            {
                for (int i = 0; i + 1 < word.Count; i++)
                {
                    if ((word[i], word[i + 1]) != (left, right))
                        continue;
                    word[i] = left + right;
                    word.RemoveAt(i + 1);
                }
            }
        }

        return merges;
    }

    private sealed class Recorder(List<TokenizerTrainingProgress> reports) : IProgress<TokenizerTrainingProgress>
    {
        public void Report(TokenizerTrainingProgress value) => reports.Add(value);
    }
}

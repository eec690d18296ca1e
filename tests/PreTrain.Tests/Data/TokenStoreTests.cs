using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class TokenStoreTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(257, TokenIdWidth.Auto, 16)]
    [InlineData(65_536, TokenIdWidth.Auto, 16)]
    [InlineData(65_537, TokenIdWidth.Auto, 32)]
    [InlineData(257, TokenIdWidth.Bits32, 32)]
    [InlineData(65_536, TokenIdWidth.Bits16, 16)]
    public void Build_AnyWidth_ReadsBackWhatTheTokenizerMade(int vocabSize, TokenIdWidth width, int bits)
    {
        var tokenizer = new CharTokenizer(vocabSize);
        string[] documents = ["first\uFFFE\uFFFD", "", "second document", "3"];

        using var store = Build(documents, tokenizer, folder.File("s"), new() { IdWidth = width });

        var (ids, starts) = Expected(documents, tokenizer);
        Assert.Equal(bits, store.IdBits);
        Assert.Equal(vocabSize, store.VocabSize);
        Assert.Equal(vocabSize - 1, store.EndOfTextId);
        Assert.Equal(tokenizer.Fingerprint, store.TokenizerFingerprint);
        Assert.Equal(ids.Count, store.Count);
        Assert.Equal(3, store.DocumentCount);
        Assert.Equal(starts, store.DocumentStarts);
        Assert.Equal(bits / 8 * ids.Count, new FileInfo(Path.Combine(store.Folder, "tokens.bin")).Length);
        var longs = new long[ids.Count];
        store.Read(0, longs);
        Assert.Equal(ids.Select(id => (long)id), longs);
        var ints = new int[ids.Count - 5];
        store.Read(3, ints);
        Assert.Equal(ids.Skip(3).Take(ints.Length), ints);
        store.Verify(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Build_ManyThreads_KeepsTheOrder()
    {
        var tokenizer = new CharTokenizer();
        var random = new System.Random(7);
        List<string> documents = [.. Enumerable.Range(0, 300).Select(i => $"{i}: " + new string((char)('a' + i % 26), random.Next(5000)))];

        using var store = Build(documents, tokenizer, folder.File("s"), new() { Threads = 5, BufferedCharacters = 128 * 1024 });

        var (ids, starts) = Expected(documents, tokenizer);
        var actual = new int[store.Count];
        store.Read(0, actual);
        Assert.Equal(ids, actual);
        Assert.Equal(starts, store.DocumentStarts);
    }

    [Fact]
    public void Build_AnyDocuments_RoundTrips()
    {
        var tokenizer = new CharTokenizer(65_537);
        var run = 0;
        Prop.ForAll<NonNull<string>[]>(texts =>
        {
            string[] documents = [.. texts.Select(text => text.Get), "last"];
            using var store = Build(documents, tokenizer, folder.File($"{run++}"));
            var (ids, starts) = Expected(documents, tokenizer);
            var actual = new int[store.Count];
            store.Read(0, actual);
            return ids.SequenceEqual(actual) && starts.SequenceEqual(store.DocumentStarts);
        }).Check(Config.QuickThrowOnFailure.WithQuietOnSuccess(true));
        Assert.True(run > 10);
    }

    [Fact]
    public void Build_UnboundedCorpusBehindASlowTokenizer_ReadsAheadNoFurtherThanAllowed()
    {
        var read = 0;
        var finished = 0;
        var furthest = 0;
        using var gate = new ManualResetEventSlim();
        IEnumerable<string> Documents()
        {
            for (; read < 40; read++)
            {
                furthest = Math.Max(furthest, read - Volatile.Read(ref finished));
                yield return new string('x', 65_536);
            }
        }
        var tokenizer = new CharTokenizer { Encoding = _ => { Thread.Sleep(1); Interlocked.Increment(ref finished); } };

        using var store = Build(Documents(), tokenizer, folder.File("s"), new() { BufferedCharacters = 4 * 65_536, Threads = 1 });

        Assert.Equal(40 * 65_537L, store.Count);
        Assert.InRange(furthest, 1, 5);
    }

    [Fact]
    public void Build_DocumentLargerThanTheBuffer_IsWritten()
    {
        var tokenizer = new CharTokenizer();
        string[] documents = ["small", new string('y', 1_000_003), "after"];

        using var store = Build(documents, tokenizer, folder.File("s"), new() { BufferedCharacters = 128 * 1024 });

        Assert.Equal(5 + 1_000_003 + 5 + 3, store.Count);
        Assert.Equal([0, 6, 1_000_010], store.DocumentStarts);
        Assert.Equal(1_000_003, store.Document(1).Count);
        Assert.Equal(5, store.Document(2).Count);
    }

    [Fact]
    public void Build_Progress_EndsWithTheTotals()
    {
        var reports = new List<TokenStoreProgress>();

        using var store = Build(["abc", "de"], new CharTokenizer(), folder.File("s"), new() { Progress = new Recorder(reports) });

        Assert.Equal(new TokenStoreProgress(2, 5, 7), reports[^1]);
    }

    [Fact]
    public void Build_CorpusThatFails_LeavesNothingAndThrowsItsException()
    {
        static IEnumerable<string> Documents()
        {
            yield return new string('x', 200_000);
            throw new CorpusException("broken in the middle");
        }

        var e = Assert.Throws<CorpusException>(() => Build(Documents(), new CharTokenizer(), folder.File("s")));

        Assert.Equal("broken in the middle", e.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_TokenizerThatFails_LeavesNothingAndThrowsItsException()
    {
        var tokenizer = new CharTokenizer { Encoding = text => { if (text == "bad") throw new FormatException("cannot encode"); } };

        var e = Assert.Throws<FormatException>(() => Build(["good", "bad"], tokenizer, folder.File("s")));

        Assert.Equal("cannot encode", e.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_Cancelled_LeavesNothing()
    {
        using var source = new CancellationTokenSource();
        IEnumerable<string> Documents()
        {
            for (var i = 0; ; i++)
            {
                if (i == 50)
                    source.Cancel();
                yield return new string('x', 10_000);
            }
        }

        var e = Assert.Throws<OperationCanceledException>(
            () => TokenStore.Build(Documents(), new CharTokenizer(), folder.File("s"), cancellationToken: source.Token));

        Assert.Equal(source.Token, e.CancellationToken);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Theory]
    [InlineData()]
    [InlineData("", "")]
    public void Build_NoText_Throws(params string[] documents)
    {
        var e = Assert.Throws<CorpusException>(() => Build(documents, new CharTokenizer(), folder.File("s")));

        Assert.Equal("The corpus holds no text; a token store needs at least one document that is not empty.", e.Message);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_NoEndOfText_Throws()
    {
        var e = Assert.Throws<ArgumentException>(() => Build(["x"], new CharTokenizer { HasEndOfText = false }, folder.File("s")));

        Assert.StartsWith("The tokenizer has no end-of-text token", e.Message);
    }

    [Fact]
    public void Build_VocabularyTooLargeForWidth_Throws()
    {
        var e = Assert.Throws<ArgumentException>(
            () => Build(["x"], new CharTokenizer(65_537), folder.File("s"), new() { IdWidth = TokenIdWidth.Bits16 }));

        Assert.StartsWith("IdWidth (Bits16) holds at most 65536 tokens, and the tokenizer has VocabSize (65537). Use Auto or Bits32.", e.Message);
    }

    [Fact]
    public void Build_FolderWithAStore_NeedsOverwrite()
    {
        var tokenizer = new CharTokenizer();
        Build(["old"], tokenizer, folder.File("s")).Dispose();

        var e = Assert.Throws<ArgumentException>(() => Build(["newer"], tokenizer, folder.File("s")));
        Assert.StartsWith($"The folder '{folder.File("s")}' already holds a token store. Open it with TokenStore.Open, set Overwrite", e.Message);

        using var store = Build(["newer"], tokenizer, folder.File("s"), new() { Overwrite = true });
        Assert.Equal(6, store.Count);
        Assert.Equal([folder.File("s")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_OverwriteThatFails_KeepsTheFormerStore()
    {
        var tokenizer = new CharTokenizer();
        Build(["old"], tokenizer, folder.File("s")).Dispose();

        Assert.Throws<CorpusException>(() => Build([], tokenizer, folder.File("s"), new() { Overwrite = true }));

        using var store = TokenStore.Open(folder.File("s"), tokenizer);
        store.Verify(TestContext.Current.CancellationToken);
        Assert.Equal(4, store.Count);
        Assert.Equal([folder.File("s")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_FolderWithOtherFiles_IsNeverReplaced()
    {
        var mine = folder.Write("s/mine.txt", "precious");

        var e = Assert.Throws<ArgumentException>(() => Build(["x"], new CharTokenizer(), folder.File("s"), new() { Overwrite = true }));

        Assert.StartsWith($"The folder '{folder.File("s")}' holds other files", e.Message);
        Assert.Equal("precious", File.ReadAllText(mine));
    }

    [Fact]
    public void Build_EmptyFolderWithTrailingSlash_IsFilled()
    {
        Directory.CreateDirectory(folder.File("s"));

        using var store = Build(["x"], new CharTokenizer(), folder.File("s") + "/");

        Assert.Equal(2, store.Count);
        Assert.Equal([folder.File("s")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_AfterAKilledOne_TakesItsPlace()
    {
        folder.Write("s.building/tokens.bin", "half a fi");
        folder.Write("s.building/building.lock", "");

        using var store = Build(["x"], new CharTokenizer(), folder.File("s"));

        store.Verify(TestContext.Current.CancellationToken);
        Assert.Equal(["documents.bin", "store.json", "tokens.bin"], Directory.EnumerateFiles(store.Folder).Select(Path.GetFileName).Order());
        Assert.Equal([folder.File("s")], Directory.EnumerateFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Build_KilledBetweenTheRenames_RestoresTheFormerStoreFirst()
    {
        Build(["old"], new CharTokenizer(), folder.File("s")).Dispose();
        Directory.Move(folder.File("s"), folder.File("s.previous"));

        Assert.Throws<ArgumentException>(() => Build(["x"], new CharTokenizer(), folder.File("s")));

        using var store = TokenStore.Open(folder.File("s"));
        Assert.Equal(4, store.Count);
    }

    [Theory]
    [InlineData("s.previous")]
    [InlineData("s.building")]
    public void Build_FolderBesideWithOtherFiles_IsNeverRemoved(string beside)
    {
        Build(["old"], new CharTokenizer(), folder.File("s")).Dispose();
        var mine = folder.Write($"{beside}/mine.txt", "precious");

        var e = Assert.Throws<ArgumentException>(() => Build(["x"], new CharTokenizer(), folder.File("s"), new() { Overwrite = true }));

        Assert.Contains($"'{folder.File(beside)}', which holds other files, such as 'mine.txt'.", e.Message);
        Assert.Equal("precious", File.ReadAllText(mine));
        using var store = TokenStore.Open(folder.File("s"));
        Assert.Equal(4, store.Count);
    }

    [Fact]
    public void Build_NewStoreBesideAnothersFolder_LeavesIt()
    {
        folder.Write("s.previous/mine.txt", "precious");

        using var store = Build(["x"], new CharTokenizer(), folder.File("s"));

        Assert.Equal(2, store.Count);
        Assert.True(File.Exists(folder.File("s.previous/mine.txt")));
    }

    [Fact]
    public async Task Build_WhileAnotherRuns_IsRefused()
    {
        using var inside = new ManualResetEventSlim();
        using var leave = new ManualResetEventSlim();
        var tokenizer = new CharTokenizer { Encoding = _ => { inside.Set(); leave.Wait(TestContext.Current.CancellationToken); } };
        var first = Task.Run(() => Build(["first"], tokenizer, folder.File("s")), TestContext.Current.CancellationToken);
        inside.Wait(TestContext.Current.CancellationToken);

        var e = Assert.Throws<IOException>(() => Build(["second"], new CharTokenizer(), folder.File("s")));
        leave.Set();
        using var store = await first;

        Assert.StartsWith($"Another build of the token store '{folder.File("s")}' is running", e.Message);
        Assert.Equal(6, store.Count);
        store.Verify(TestContext.Current.CancellationToken);
    }

    [Fact]
    public void Options_SeveralFaults_AreReportedTogether()
    {
        var options = new TokenStoreOptions { Threads = -1, BufferedCharacters = 3, IdWidth = (TokenIdWidth)9 };

        var e = Assert.Throws<ArgumentException>(options.Validate);

        Assert.Equal(
            string.Join(Environment.NewLine, "IdWidth (9) must be Auto, Bits16 or Bits32.", "Threads (-1) must be 0 (one for each processor) or more.",
                "BufferedCharacters (3) must be at least 65536."), e.Message);
    }

    [Fact]
    public void Open_OtherTokenizer_NamesBoth()
    {
        Build(["x"], new CharTokenizer(), folder.File("s")).Dispose();

        var e = Assert.Throws<CorpusException>(() => TokenStore.Open(folder.File("s"), new CharTokenizer(263)));

        Assert.Contains("(fingerprint char-257, 257 tokens) than the one given (fingerprint char-263, 263 tokens)", e.Message);
    }

    [Fact]
    public void Open_Missing_SaysWhatToDo()
    {
        var e = Assert.Throws<CorpusException>(() => TokenStore.Open(folder.File("none")));
        Assert.Equal($"The token store '{folder.File("none")}' does not exist. Build it with TokenStore.Build.", e.Message);

        e = Assert.Throws<CorpusException>(() => TokenStore.Open(folder.Path));
        Assert.Equal($"The folder '{folder.Path}' is no token store: it has no store.json. Build the store with TokenStore.Build.", e.Message);
    }

    [Theory]
    [InlineData("tokens.bin", -1, "is truncated: it has 13 bytes, and 7 entries of 2 bytes take 14.")]
    [InlineData("tokens.bin", -14, "is truncated: it has 0 bytes, and 7 entries of 2 bytes take 14.")]
    [InlineData("tokens.bin", 2, "is damaged: it has 16 bytes, and 7 entries of 2 bytes take 14.")]
    [InlineData("documents.bin", -8, "is truncated: it has 8 bytes, and 2 entries of 8 bytes take 16.")]
    [InlineData("store.json", -10, "is damaged: ")]
    public void Open_WrongLength_NamesTheFileAndTheFault(string name, int change, string fault)
    {
        Build(["abc", "de"], new CharTokenizer(), folder.File("s")).Dispose();
        var path = Path.Combine(folder.File("s"), name);
        using (var stream = File.OpenWrite(path))
            stream.SetLength(stream.Length + change);

        var e = Assert.Throws<CorpusException>(() => TokenStore.Open(folder.File("s")));

        Assert.Equal(path, e.File);
        Assert.StartsWith($"The file '{path}' {fault}", e.Message);
    }

    [Theory]
    [InlineData("tokens.bin")]
    [InlineData("documents.bin")]
    public void Open_MissingFile_IsNamed(string name)
    {
        Build(["abc"], new CharTokenizer(), folder.File("s")).Dispose();
        File.Delete(Path.Combine(folder.File("s"), name));

        var e = Assert.Throws<CorpusException>(() => TokenStore.Open(folder.File("s")));

        Assert.Contains($"the file '{Path.Combine(folder.File("s"), name)}' is missing", e.Message);
    }

    [Fact]
    public void Verify_AnyFlippedBit_NamesTheFile()
    {
        Build(["abc", "de"], new CharTokenizer(), folder.File("s")).Dispose();
        foreach (var name in new[] { "tokens.bin", "documents.bin" })
        {
            var path = Path.Combine(folder.File("s"), name);
            var content = File.ReadAllBytes(path);
            for (var bit = 0; bit < content.Length * 8; bit++)
            {
                content[bit / 8] ^= (byte)(1 << bit % 8);
                File.WriteAllBytes(path, content);
                using (var store = TokenStore.Open(folder.File("s")))
                {
                    var e = Assert.Throws<CorpusException>(() => store.Verify(TestContext.Current.CancellationToken));
                    Assert.Equal(path, e.File);
                    Assert.StartsWith($"The file '{path}' is damaged: its SHA-256 is ", e.Message);
                }
                content[bit / 8] ^= (byte)(1 << bit % 8);
            }
            File.WriteAllBytes(path, content);
        }
    }

    [Fact]
    public void Open_AnyFlippedBitInTheDescription_IsNoticedOrHarmless()
    {
        Build(["abc", "de"], new CharTokenizer(), folder.File("s")).Dispose();
        var path = Path.Combine(folder.File("s"), "store.json");
        var content = File.ReadAllBytes(path);
        var noticed = 0;
        for (var bit = 0; bit < content.Length * 8; bit++)
        {
            content[bit / 8] ^= (byte)(1 << bit % 8);
            File.WriteAllBytes(path, content);
            content[bit / 8] ^= (byte)(1 << bit % 8);
            try
            {
                // White space between the values may turn into other white space.
                using var store = TokenStore.Open(folder.File("s"));
                Assert.True(char.IsWhiteSpace((char)content[bit / 8]), $"A flipped bit {bit % 8} in byte {bit / 8} went unnoticed.");
                Assert.Equal(7, store.Count);
            }
            catch (CorpusException e)
            {
                Assert.Equal(path, e.File);
                noticed++;
            }
        }
        Assert.True(noticed > content.Length * 6);
    }

    [Fact]
    public void Read_OutsideTheStore_Throws()
    {
        using var store = Build(["abc"], new CharTokenizer(), folder.File("s"));

        foreach (var (offset, count) in new (long, int)[] { (-1, 1), (0, 5), (4, 1), (long.MaxValue, 1), (long.MinValue, 3) })
        {
            var e = Assert.Throws<ArgumentOutOfRangeException>(() => store.Read(offset, new long[count]));
            Assert.StartsWith($"{count} tokens from offset {offset} do not lie within the 4 tokens of the store.", e.Message);
            Assert.Throws<ArgumentOutOfRangeException>(() => store.Read(offset, new int[count]));
        }
        store.Read(4, Array.Empty<long>());
        Assert.Throws<ArgumentOutOfRangeException>(() => store.DocumentStart(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => store.DocumentStarts[-1]);
    }

    [Fact]
    public void Read_AfterDispose_Throws()
    {
        var store = Build(["abc"], new CharTokenizer(), folder.File("s"));
        store.Dispose();

        Assert.Throws<ObjectDisposedException>(() => store.Read(0, new long[2]));
        Assert.Throws<ObjectDisposedException>(() => store.DocumentStart(0));
        store.Dispose();
    }

    private static TokenStore Build(IEnumerable<string> corpus, CharTokenizer tokenizer, string path, TokenStoreOptions? options = null) =>
        TokenStore.Build(corpus, tokenizer, path, options, TestContext.Current.CancellationToken);

    private static (List<int> Ids, List<long> Starts) Expected(IEnumerable<string> documents, CharTokenizer tokenizer)
    {
        var ids = new List<int>();
        var starts = new List<long>();
        foreach (var document in documents.Where(document => document.Length > 0))
        {
            starts.Add(ids.Count);
            ids.AddRange(document.Select(tokenizer.IdOf));
            ids.Add(tokenizer.VocabSize - 1);
        }
        return (ids, starts);
    }

    private sealed class Recorder(List<TokenStoreProgress> reports) : IProgress<TokenStoreProgress>
    {
        public void Report(TokenStoreProgress value) => reports.Add(value);
    }
}

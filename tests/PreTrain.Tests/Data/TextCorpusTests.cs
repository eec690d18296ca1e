using System.Text;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class TextCorpusTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromDocuments_EnumeratedTwice_YieldsTheSame()
    {
        var corpus = TextCorpus.FromDocuments(["one", "two"]);

        Assert.Equal(["one", "two"], corpus);
        Assert.Equal(["one", "two"], corpus);
    }

    [Fact]
    public void FromDocuments_NullDocument_NamesItsIndex()
    {
        var corpus = TextCorpus.FromDocuments(["one", null!]);

        var e = Assert.Throws<CorpusException>(() => corpus.Count());

        Assert.Equal("Document 1 is null; a document must be text. Leave missing documents out of the sequence.", e.Message);
    }

    [Fact]
    public void FromFiles_SeveralFiles_AreSortedOrdinallyAndOnce()
    {
        var b = folder.Write("b.txt", "bee");
        var upper = folder.Write("B.txt", "Bee");
        var a = folder.Write("a.txt", "ä €😀");

        Assert.Equal(["Bee", "ä €😀", "bee"], TextCorpus.FromFiles(b, a, upper, a));
    }

    [Fact]
    public void FromFiles_OtherFormats_AreReadAsWithOptions()
    {
        string lines = folder.Write("a.jsonl", "{\"text\": \"one\"}\n{\"text\": \"two\"}\n"), packed = folder.File("b.txt.gz");
        using (var gzip = new System.IO.Compression.GZipStream(File.Create(packed), System.IO.Compression.CompressionLevel.Fastest)) gzip.Write("three"u8);

        Assert.Equal(["one", "two", "three"], TextCorpus.FromFiles(lines, packed));
        Assert.Equal(TextCorpus.FromFiles(new CorpusFileOptions(), lines, packed), TextCorpus.FromFiles(lines, packed));
    }

    [Theory]
    [InlineData("**/*.txt", "1 2 3")]
    [InlineData("*.txt", "1")]
    [InlineData("sub/*.txt", "2")]
    [InlineData("sub/**/*.txt", "2 3")]
    [InlineData("sub/**", "2 3 4")]
    [InlineData("s*/d*/*", "3 4")]
    public void FromFiles_Glob_MatchesAsDocumented(string glob, string expected)
    {
        folder.Write("1.txt", "1");
        folder.Write("sub/2.txt", "2");
        folder.Write("sub/deep/3.txt", "3");
        folder.Write("sub/deep/4.md", "4");

        var absolute = TextCorpus.FromFiles(Path.Combine(folder.Path, glob));
        var relative = TextCorpus.FromFiles(Path.Combine(Path.GetRelativePath(Directory.GetCurrentDirectory(), folder.Path), glob));

        Assert.Equal(expected.Split(' '), absolute);
        Assert.Equal(expected.Split(' '), relative);
    }

    [Fact]
    public void FromFiles_NameWithAsteriskThatExists_IsThatFile()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "Windows allows no * in a file's name.");
        var star = folder.Write("a*.txt", "star");
        folder.Write("ab.txt", "other");

        Assert.Equal(["star"], TextCorpus.FromFiles(star));
    }

    [Fact]
    public void FromFiles_Missing_SaysSo()
    {
        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(folder.File("none.txt")));

        Assert.StartsWith($"The file '{folder.File("none.txt")}' does not exist. Check the name", e.Message);
        Assert.Equal(folder.File("none.txt"), e.File);
    }

    [Fact]
    public void FromFiles_UnsupportedWildcard_NamesTheSupportedOnes()
    {
        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(folder.File("no?e.txt")));

        Assert.EndsWith("Patterns may hold * (within a folder) and ** (across folders) only.", e.Message);
    }

    [Fact]
    public void FromFiles_Folder_SuggestsThePattern()
    {
        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(folder.Path));

        Assert.EndsWith($"pass '{Path.Combine(folder.Path, "**", "*.txt")}'.", e.Message);
    }

    [Fact]
    public void FromFiles_GlobWithoutMatch_NamesPatternAndFolder()
    {
        var glob = folder.File("*.txt");

        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(glob));

        Assert.StartsWith($"The pattern '{glob}' matches no file below '{folder.Path}", e.Message);
    }

    [Fact]
    public void FromFiles_GlobInMissingFolder_NamesTheFolder()
    {
        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(folder.File("none/*.txt")));

        Assert.Contains($"the folder '{folder.File("none")}{Path.DirectorySeparatorChar}' does not exist", e.Message);
    }

    [Fact]
    public void FromFiles_EmptyFile_IsNamed()
    {
        var empty = folder.Write("empty.txt", "");
        folder.Write("full.txt", "text");

        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(folder.File("*.txt")));

        Assert.Equal($"The file '{empty}' is empty; a document must hold text. Remove it, or leave it out of the pattern.", e.Message);
    }

    [Fact]
    public void FromFiles_LockedFile_IsUnreadable()
    {
        var path = folder.Write("locked.txt", "text");
        using var holder = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);

        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(path));

        Assert.StartsWith($"The file '{path}' cannot be read: ", e.Message);
    }

    [Fact]
    public void FromFiles_FileThatVanishes_SaysSo()
    {
        var path = folder.Write("gone.txt", "text");
        var corpus = TextCorpus.FromFiles(path);
        File.Delete(path);

        var e = Assert.Throws<CorpusException>(() => corpus.Count());

        Assert.StartsWith($"The file '{path}' does not exist, or not any more.", e.Message);
    }

    [Fact]
    public async Task FromFiles_FileThatChangesWhileItIsRead_SaysSo()
    {
        var path = folder.Write("growing.txt", new string('a', 1 << 22));
        var corpus = TextCorpus.FromFiles(path);
        using var done = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            using var stream = new FileStream(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
            while (!done.IsCancellationRequested) stream.WriteByte((byte)'b');
        }, TestContext.Current.CancellationToken);

        // The writer may rest for as long as one reading takes, but not for all of them.
        CorpusException? fault = null;
        for (int i = 0; i < 200 && fault is null; i++)
        {
            try
            {
                Assert.Single(corpus);
            }
            catch (CorpusException e)
            {
                fault = e;
            }
        }

        await done.CancelAsync();
        await writer;
        Assert.Equal($"The file '{path}' was changed while it was read. Do not change a corpus while it is read; read it again when it is whole.", fault?.Message);
    }

    [Fact]
    public void FromFiles_Nothing_IsAnArgumentError()
    {
        Assert.Throws<ArgumentException>(() => TextCorpus.FromFiles());
        Assert.Throws<ArgumentException>(() => TextCorpus.FromFiles(" "));
    }

    [Fact]
    public void FromFiles_ByteOrderMark_IsNotText()
    {
        var path = folder.Write("bom.txt", [0xEF, 0xBB, 0xBF, (byte)'x']);

        Assert.Equal(["x"], TextCorpus.FromFiles(path));
    }

    [Theory]
    [InlineData(0, new byte[] { 0x80 }, 5)]                        // a continuation byte that continues nothing
    [InlineData(7, new byte[] { 0xC0, 0xAF }, 5)]                  // overlong
    [InlineData(7, new byte[] { 0xED, 0xA0, 0x80 }, 5)]            // a surrogate
    [InlineData(7, new byte[] { 0xF4, 0x90, 0x80, 0x80 }, 5)]      // above U+10FFFF
    [InlineData(100_003, new byte[] { 0xFF }, 5)]                  // beyond the first buffers
    [InlineData(65_535, new byte[] { 0xE2, 0x82 }, 1)]             // a character that a letter interrupts
    [InlineData(40_961, new byte[] { 0xF0, 0x9F, 0x98 }, 0)]       // cut off by the file's end
    [InlineData(11, new byte[] { 0xC3 }, 0)]
    public void FromFiles_InvalidUtf8_NamesFileAndByte(int before, byte[] invalid, int after)
    {
        foreach (var bom in new byte[][] { [], [0xEF, 0xBB, 0xBF] })
        {
            // Characters of three bytes, so that buffers end inside of them, then letters up to the place.
            var filler = Encoding.UTF8.GetBytes(new string('€', before / 3) + new string('x', before % 3));
            var path = folder.Write("broken.txt", [.. bom, .. filler, .. invalid, .. Enumerable.Repeat((byte)'y', after)]);

            var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(path).Count());

            var offset = bom.Length + before;
            Assert.Equal(path, e.File);
            Assert.Equal(offset, e.ByteOffset);
            Assert.StartsWith($"The file '{path}' is not UTF-8: the byte 0x{invalid[0]:X2} at offset {offset} is not valid there.", e.Message);
        }
    }

    [Fact]
    public void FromFiles_Utf16_SuggestsTheConversion()
    {
        var path = folder.Write("utf16.txt", [0xFF, 0xFE, (byte)'x', 0]);

        var e = Assert.Throws<CorpusException>(() => TextCorpus.FromFiles(path).Count());

        Assert.Equal(0, e.ByteOffset);
        Assert.EndsWith("It begins like UTF-16; convert it, for example with 'iconv -f UTF-16 -t UTF-8'.", e.Message);
    }

    [Fact]
    public void FromFiles_TextOfAllPlanes_IsReadExactly()
    {
        var text = string.Concat(Enumerable.Range(1, 0x10FFFF / 37).Select(i => i * 37).Where(c => c is < 0xD800 or > 0xDFFF).Select(char.ConvertFromUtf32));

        Assert.Equal([text], TextCorpus.FromFiles(folder.Write("all.txt", text)));
    }
}

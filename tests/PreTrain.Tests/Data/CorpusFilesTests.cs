using System.IO.Compression;
using System.Text;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class CorpusFilesTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Enumerate_FilesOfAllFormats_YieldsTheirTextsInOrder()
    {
        folder.Write("a.txt", "plain ä");
        folder.Write("b.jsonl", "\uFEFF{\"id\":1,\"text\":\"one\\n\\u00e9\"}\r\n\n{\"text\":\"two\",\"more\":{\"text\":[1]}}");
        folder.Write("c.csv", "id,text\r\n1,\"a \"\"b\"\", c\r\nnext\"\r\n\r\n2,plain\r\n");
        folder.Write("d.tsv", "text\tid\nx,y\t3\n");
        folder.Write("e.html", "<html><head><title>T</title></head><body><p>Hello <b>w&ouml;rld</b> &amp; all!<p>Next</body></html>");
        folder.Write("f.xml", "<!DOCTYPE r><r>\n  <p>Hello <b>world</b>!</p>\n  <![CDATA[1 < 2]]></r>");

        Assert.Equal(
            ["plain ä", "one\né", "two", "a \"b\", c\nnext", "plain", "x,y", "Hello wörld & all!\n\nNext", "Hello world!\n1 < 2"],
            new CorpusFiles([folder.File("*.*")]));
    }

    [Theory]
    [InlineData("a.jsonl.gz")]
    [InlineData("a.jsonl.br")]
    [InlineData("a.json.gz")]
    [InlineData("a.jsonl")]   // gzip is known by its first bytes
    public void Enumerate_Compressed_IsReadAsPlain(string name)
    {
        var lines = string.Concat(Enumerable.Range(0, 30_011).Select(i => $"{{\"text\":\"document {i}\"}}\n"));
        Compressed(name, lines);

        Assert.Equal(Enumerable.Range(0, 30_011).Select(i => $"document {i}"), new CorpusFiles([folder.File(name)]));
    }

    [Theory]
    [InlineData("a.txt.gz")]
    [InlineData("a.txt.br")]
    public void Enumerate_CompressedFileCutOff_SaysSo(string name)
    {
        var path = Compressed(name, string.Concat(Enumerable.Range(0, 20_011).Select(i => $"{i * 7919L % 10007} ")));
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^1000]);

        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path], new() { SkipBroken = 5 }).Count());

        Assert.StartsWith($"The compressed file '{path}' is damaged or cut off: ", e.Message);
        Assert.Equal(path, e.File);
    }

    [Theory]
    [InlineData("{\"text\":\"x\"", "Line 2 of the file '*' is broken: it is no JSON: ")]
    [InlineData("{\"text\":\"x\"} y", "Line 2 of the file '*' is broken: it is no JSON: ")]
    [InlineData("[1]", "Line 2 of the file '*' is broken: it holds an array, and an object is expected. Write {\"text\": …} on each line.")]
    [InlineData("{\"body\":\"x\"}", "Line 2 of the file '*' is broken: it has no member \"text\". Name the member that holds the text.")]
    [InlineData("{\"text\":17}", "Line 2 of the file '*' is broken: its member \"text\" is a number, and a text is expected.")]
    [InlineData("{\"text\":\"\\ud83d\"}", "Line 2 of the file '*' is broken: it has an escape \\u that is half of a character beyond U+FFFF, as when a text was cut within one. Write both halves, or neither.")]
    [InlineData("{\"text\":\"\u00FF\"}", "Line 2 of the file '*' is broken: it is not UTF-8 at byte 9. Convert the file, or set ReplaceInvalid.")]
    public void Enumerate_BrokenJsonLine_IsNamedOrSkipped(string line, string message)
    {
        var path = folder.Write("a.jsonl", Encoding.Latin1.GetBytes($"{{\"text\":\"1\"}}\n{line}\n{{\"text\":\"3\"}}\n"));

        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count());
        Assert.StartsWith(message.Replace("*", path), e.Message);
        Assert.Equal(2, e.Line);

        var corpus = new CorpusFiles([path], new() { SkipBroken = 1 });
        Assert.Equal(["1", "3"], corpus);
        Assert.Equal(e.Message, Assert.Single(corpus.Skipped).Message);
    }

    [Theory]
    [InlineData("2", "Line 4 of the file '*' is broken: it has 1 field, and the header names 2 columns.")]
    [InlineData("2,b,c", "Line 4 of the file '*' is broken: it has 3 fields, and the header names 2 columns.")]
    [InlineData("2,\"b\"c", "Line 4 of the file '*' is broken: 'c' follows the quote that closes field 2. Write quotes within a field twice.")]
    [InlineData("2,\u00FF", "Line 4 of the file '*' is broken: byte 2 of line 4 is not UTF-8. Convert the file, or set ReplaceInvalid.")]
    public void Enumerate_BrokenCsvRow_NamesTheLineWhereItBegins(string row, string message)
    {
        var path = folder.Write("a.csv", Encoding.Latin1.GetBytes($"id,text\n1,\"a\nb\"\n{row}\n3,c\n"));

        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count());
        Assert.StartsWith(message.Replace("*", path), e.Message);
        Assert.Equal(4, e.Line);
        Assert.Equal(["a\nb", "c"], new CorpusFiles([path], new() { SkipBroken = 1 }));
    }

    [Fact]
    public void Enumerate_CsvQuoteThatNeverCloses_NamesTheLineWhereItOpens()
    {
        var path = folder.Write("a.csv", "text\na\n\"b\nc\n");
        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count());
        Assert.Equal($"Line 3 of the file '{path}' is broken: a quote opens a field, and none closes it before the end of the file, which is not read from there on.", e.Message);
    }

    [Fact]
    public void Enumerate_TsvWithQuotesThatAreCharacters_DoesNotJoinRows()
    {
        var path = folder.Write("a.tsv", "text\tlabel\n\"Great start\t1\nfine\"\t0\n");
        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count());
        Assert.StartsWith($"Line 2 of the file '{path}' is broken: the quote that opens field 1 is closed in line 3, with tabs and ends of lines in between.", e.Message);
        Assert.Equal(["a\tb", "c\nd"], new CorpusFiles([folder.Write("b.tsv", "text\n\"a\tb\"\n\"c\nd\"\n")]));
    }

    [Fact]
    public void Enumerate_CsvWithoutTheColumn_NamesThoseThatThereAre()
    {
        var path = folder.Write("a.csv", "id,body\n1,a\n");
        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count());
        Assert.StartsWith($"Line 1 of the file '{path}' names the columns id, body; 'text' is not among them.", e.Message);
        Assert.Equal(["a"], new CorpusFiles([path], new() { TextField = "body" }));
    }

    [Fact]
    public void Enumerate_MoreBrokenThanAllowed_StopsAndSaysHowMany()
    {
        var path = folder.Write("a.jsonl", "{\n{\n{\n{\"text\":\"x\"}\n");
        var e = Assert.Throws<CorpusException>(() => new CorpusFiles([path], new() { SkipBroken = 2 }).Count());
        Assert.EndsWith("It is broken record 3 of this pass, and SkipBroken (2) allows for fewer.", e.Message);
        Assert.Equal(3, e.Line);
        Assert.Single(new CorpusFiles([path], new() { SkipBroken = 3 }));
    }

    [Fact]
    public void Enumerate_XmlElements_AreDocumentsUpToAFault()
    {
        var path = folder.Write("a.xml", "<r><d>one</d>\n<d/><x>no</x><d>two</d>\n<d>thr&bad;</d></r>");
        var corpus = new CorpusFiles([path], new() { XmlElement = "d", SkipBroken = 1 });
        Assert.Equal(["one", "", "two"], corpus);
        Assert.Equal(3, Assert.Single(corpus.Skipped).Line);
    }

    [Fact]
    public void Enumerate_XmlElementsWithoutSpace_AreLines()
    {
        var path = folder.Write("a.xml", "<r><p>one <b>two</b>!</p><ul><li>three</li><li>four</li></ul><p>five</p>\n<p>six</p></r>");
        Assert.Equal(["one two!\nthree\nfour\nfive\nsix"], new CorpusFiles([path]));
    }

    [Fact]
    public void Enumerate_TextThatIsNotUtf8_IsABrokenRecord()
    {
        var path = folder.Write("a.txt", [0x41, 0xFF]);
        folder.Write("b.txt", "b");
        Assert.Equal(1, Assert.Throws<CorpusException>(() => new CorpusFiles([path]).Count()).ByteOffset);
        Assert.Equal(["b"], new CorpusFiles([folder.File("*.txt")], new() { SkipBroken = 1 }));
        Assert.Equal(["A\uFFFD"], new CorpusFiles([path], new() { ReplaceInvalid = true }));
    }

    [Fact]
    public void Enumerate_FileThatShrinks_SaysSoWhateverItsEndLooksLike()
    {
        var line = $"{{\"text\":\"{new string('x', 90_001)}\"}}\n";
        var path = folder.Write("a.jsonl", line + line + line);
        using var documents = new CorpusFiles([path], new() { SkipBroken = 9 }).GetEnumerator();
        Assert.True(documents.MoveNext());

        using (var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
            stream.SetLength(line.Length + 50_021);

        var e = Assert.Throws<CorpusException>(() =>
        {
            while (documents.MoveNext())
            {
            }
        });
        Assert.StartsWith($"The file '{path}' was changed while it was read: it shrank from {3 * line.Length} to {line.Length + 50_021} bytes.", e.Message);
    }

    [Theory]
    [InlineData("<p>one</p><script>if (a < b) x();</script><p>two", "one\n\ntwo")]
    [InlineData("a <!-- <p>no --> b<br>c &lt;d&gt; 1 < 2", "a b\nc <d> 1 < 2")]
    [InlineData("<nav>Home</nav><p>Text with a <a href='x>y'>link</a> in it.</p><ul><li><a href=x>Only a link</a></ul><footer>(c)</footer>", "Text with a link in it.")]
    [InlineData("<pre>\n  if (x)\n    y();\n</pre>after", "  if (x)\n    y();\n\nafter")]
    [InlineData("<td>a</td><td>b</td>", "a\nb")]
    [InlineData("<p title=\"a>b\">x</p", "x")]
    [InlineData("<h2><a name=top>A heading</a></h2><p>Text <a id='here'/>goes <a href=\"x\" />on.", "A heading\n\nText goes on.")]
    [InlineData("<p>A long text has a <a href=x>link</p><p>that nobody closed.</p>", "A long text has a link\n\nthat nobody closed.")]
    [InlineData("<a HREF=x.org/><div><p>A card</p><p>is a link</p></div>all of it</a><p>Text.", "Text.")]
    public void Extract_Pages_AreTheirText(string html, string expected) => Assert.Equal(expected, HtmlText.Extract(html, removeBoilerplate: true));

    [Fact]
    public void Extract_BoilerplateKept_KeepsLinksAndNavigation() =>
        Assert.Equal("Home\n\nlink", HtmlText.Extract("<nav>Home</nav><p><a>link</a></p>", removeBoilerplate: false));

    [Fact]
    public void Options_OutOfRange_AreAllListed()
    {
        var e = Assert.Throws<ArgumentException>(() => new CorpusFiles(["x"], new() { TextField = "", SkipBroken = -1, Separator = '"' }));
        Assert.Equal(3, e.Message.Split(Environment.NewLine).Length);
    }

    private string Compressed(string name, string text)
    {
        using var memory = new MemoryStream();
        using (Stream stream = name.EndsWith(".br", StringComparison.Ordinal) ? new BrotliStream(memory, CompressionLevel.Optimal, true) : new GZipStream(memory, CompressionLevel.Optimal, true))
            stream.Write(Encoding.UTF8.GetBytes(text));
        return folder.Write(name, memory.ToArray());
    }
}

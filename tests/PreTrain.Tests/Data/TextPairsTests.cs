using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class TextPairsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromFiles_JsonCsvAndTsv_HoldTheSame()
    {
        string json = folder.Write("a.jsonl", "{\"source\": \"one, two\", \"target\": \"eins\\tzwei\", \"more\": 1}\n{\"source\": \"three\", \"target\": \"drei\"}\n");
        string csv = folder.Write("a.csv", "id,target,source\n1,\"eins\tzwei\",\"one, two\"\n2,drei,three\n");
        string tsv = folder.Write("a.tsv", "source\ttarget\none, two\t\"eins\tzwei\"\nthree\tdrei\n");
        TextPair[] expected = [new("one, two", "eins\tzwei"), new("three", "drei")];
        foreach (string path in new[] { json, csv, tsv }) Assert.Equal(expected, TextPairs.FromFiles(new(), path).Examples);
        Assert.Equal([new("eins\tzwei", "one, two"), new("drei", "three")], TextPairs.FromFiles(new() { SourceField = "target", TargetField = "source" }, csv).Examples);
        Assert.Equal(TextPairs.FromFiles(new(), json).Fingerprint, TextPairs.FromFiles(new(), tsv).Fingerprint);
    }

    [Theory]
    [InlineData("x.jsonl", "{\"source\": \"a\", \"target\": \"b\"}\n{\"source\": \"a\"}\n", 2, "it has no member \"target\"")]
    [InlineData("x.jsonl", "{\"source\": 3, \"target\": \"b\"}\n", 1, "its member \"source\" is 3, and a text is expected")]
    [InlineData("x.csv", "source,target\na,b\nc, \n", 3, "its target is empty")]
    [InlineData("x.csv", "source,other\na,b\n", 1, "'target' is not among them")]
    public void FromFiles_BrokenLine_IsNamed(string name, string text, int line, string expected)
    {
        string path = folder.Write(name, text);
        var fault = Assert.Throws<CorpusException>(() => TextPairs.FromFiles(new(), path));
        Assert.Equal((path, (long?)line), (fault.File, fault.Line));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromFiles_NameThatSaysNothing_IsRefused()
    {
        string path = folder.Write("x.txt", "a\tb\n");
        Assert.Contains("must end in .jsonl, .ndjson, .csv or .tsv", Assert.Throws<CorpusException>(() => TextPairs.FromFiles(new(), path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromSdkDocumentation_MembersOfAnSdk_AreSignaturesAndSummaries()
    {
        folder.Write("packs/Microsoft.NETCore.App.Ref/1.0.0/ref/net1.0/A.xml", """
            <doc><members>
              <member name="T:Some.Space.Box`1"><summary>Holds a thing.</summary></member>
              <member name="M:Some.Space.Box`1.Put(System.Int32)"><summary>Puts it in.</summary><param name="place">Where.</param></member>
              <member name="P:Some.Space.Box`1.Count"><summary>How many there are.</summary></member>
              <member name="P:Some.Space.Box`1.Silent" />
            </members></doc>
            """);
        TextPairs pairs = TextPairs.FromSdkDocumentation(new SdkDocumentation(folder.Path));
        Assert.Equal(3, pairs.Count);
        Assert.Equal("type Some.Space.Box<T>", pairs.Examples[0].Source);
        Assert.Equal("Holds a thing.", pairs.Examples[0].Target);
        Assert.StartsWith("method Box<T>.Put(int", pairs.Examples[1].Source, StringComparison.Ordinal);
        Assert.Equal(("property Box<T>.Count", "How many there are."), (pairs.Examples[2].Source, pairs.Examples[2].Target));
        Assert.All(pairs.Examples, pair => Assert.Equal("Some.Space.Box<T>", pair.Group));
        Assert.Equal("Puts it in.", Conversations.FromPairs(pairs, "Explain.").Examples[1].Messages[2].Content);
    }
}

using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class ContrastiveTextsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromFiles_WithAndWithoutNegatives_AreRead()
    {
        string json = folder.Write("a.jsonl", "{\"anchor\": \"a\", \"positive\": \"b\", \"negative\": [\"c\", \"d\"]}\n{\"anchor\": \"e\", \"positive\": \"f\", \"negative\": \"g\"}\n");
        string csv = folder.Write("a.csv", "negative,positive,anchor\nc,b,a\n");
        ContrastiveTexts all = ContrastiveTexts.FromFiles(new() { NegativeField = "negative" }, json);
        Assert.Equal(("a", "b"), (all.Examples[0].Anchor, all.Examples[0].Positive));
        Assert.Equal(["c", "d"], all.Examples[0].Negatives);
        Assert.Equal(["g"], all.Examples[1].Negatives);
        Assert.Empty(ContrastiveTexts.FromFiles(new(), json).Examples[0].Negatives);
        Assert.Equal(["c"], ContrastiveTexts.FromFiles(new() { NegativeField = "negative" }, csv).Examples[0].Negatives);
        Assert.NotEqual(all.Fingerprint, ContrastiveTexts.FromFiles(new(), json).Fingerprint);
    }

    [Theory]
    [InlineData("x.jsonl", "{\"anchor\": \"a\", \"positive\": \"b\"}\n", 1, "it has no member \"negative\"")]
    [InlineData("x.jsonl", "{\"anchor\": \"a\", \"positive\": \"b\", \"negative\": [\"c\", 3]}\n", 1, "its member \"negative\" is [\"c\", 3], and texts that are not empty are expected")]
    [InlineData("x.csv", "anchor,positive,negative\na,b,c\nd, ,e\n", 3, "its positive is empty")]
    public void FromFiles_BrokenLine_IsNamed(string name, string text, int line, string expected)
    {
        string path = folder.Write(name, text);
        var fault = Assert.Throws<CorpusException>(() => ContrastiveTexts.FromFiles(new() { NegativeField = "negative" }, path));
        Assert.Equal((path, (long?)line), (fault.File, fault.Line));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromTextsAndPairs_GiveEachTextOnceAndKeepGroups()
    {
        Assert.Equal(["a", "b"], ContrastiveTexts.FromTexts(["a", " ", "b", "a"]).Examples.Select(e => e.Positive));
        ContrastiveText pair = Assert.Single(ContrastiveTexts.FromPairs(new([new("s", "t", "g")])).Examples);
        Assert.Equal(("s", "t", "g"), (pair.Anchor, pair.Positive, pair.Group));
        Assert.Throws<ArgumentException>(() => ContrastiveTexts.FromTexts([]));
        Assert.Throws<ArgumentException>(() => new ContrastiveTexts([new("a", "b", [""])]));
    }
}

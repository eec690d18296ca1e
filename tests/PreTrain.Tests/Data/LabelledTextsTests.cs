using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class LabelledTextsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("a.jsonl", "{\"text\":\"one, \\\"1\\\"\",\"label\":\"x\"}\n\n{\"label\":\"y\",\"id\":[1],\"text\":\"two\\nlines\"}\n")]
    [InlineData("a.csv", "id,label,text\r\n1,x,\"one, \"\"1\"\"\"\r\n2, y ,\"two\nlines\"\r\n")]
    [InlineData("a.tsv", "text\tlabel\n\"one, \"\"1\"\"\"\tx\n\"two\nlines\"\ty\n")]
    public void FromFiles_EachFormat_GivesTextsAndLabels(string name, string content)
    {
        LabelledTexts texts = LabelledTexts.FromFiles(new(), folder.Write(name, content));

        Assert.Equal(["x", "y"], texts.Labels!.Names);
        Assert.Equal(["one, \"1\"", "two\nlines"], texts.Examples.Select(e => e.Text));
        Assert.Equal([0, 1], texts.Examples.Select(e => Assert.Single(e.Labels)));
        Assert.False(texts.ArePairs);
    }

    [Theory]
    [InlineData("a.jsonl", "{\"a\":\"p\",\"b\":\"q\",\"t\":[\"y\",3]}\n{\"a\":\"r\",\"b\":\"s\",\"t\":[]}")]
    [InlineData("a.csv", "a,b,t\np,q,y | 3\nr,s,\n")]
    public void FromFiles_PairsWithSeveralLabels_AreReadAlike(string name, string content)
    {
        LabelledTexts texts = LabelledTexts.FromFiles(new() { Task = ClassificationTask.MultiLabel, TextField = "a", PairField = "b", LabelField = "t" }, folder.Write(name, content));

        Assert.True(texts.ArePairs);
        Assert.Equal(["3", "y"], texts.Labels!.Names);
        Assert.Equal([("p", "q"), ("r", "s")], texts.Examples.Select(e => (e.Text, e.Pair!)));
        Assert.Equal([1, 0], texts.Examples[0].Labels);
        Assert.Empty(texts.Examples[1].Labels);
    }

    [Theory]
    [InlineData("a.jsonl", "{\"text\":\"p\",\"label\":-1.5e1}\n{\"text\":\"q\",\"label\":2}")]
    [InlineData("a.csv", "text,label\np,-15\nq,2.0\n")]
    public void FromFiles_Numbers_AreValues(string name, string content)
    {
        LabelledTexts texts = LabelledTexts.FromFiles(new() { Task = ClassificationTask.Regression }, folder.Write(name, content));

        Assert.Null(texts.Labels);
        Assert.Equal([-15.0, 2.0], texts.Examples.Select(e => e.Value));
    }

    [Theory]
    [InlineData("a.jsonl", 2, "its label ('z') is not one of x, y", "{\"text\":\"p\",\"label\":\"x\"}\n{\"text\":\"q\",\"label\":\"z\"}")]
    [InlineData("a.csv", 3, "its label ('z') is not one of x, y", "text,label\np,x\nq,z\n")]
    [InlineData("a.csv", 2, "a quote opens a field, and none closes it before the end of the file", "text,label\n\"p,x\nq,y\n")]
    [InlineData("a.csv", 2, "it has 3 fields, and the header names 2 columns", "text,label\np,q,x\n")]
    [InlineData("a.csv", 1, "'label' is not among them. Name the column that holds the texts and the labels", "text,class\np,x\n")]
    [InlineData("a.csv", 2, "its text is empty", "text,label\n,x\n")]
    [InlineData("a.jsonl", 1, "it has no member \"label\"", "{\"text\":\"p\"}")]
    [InlineData("a.jsonl", 1, "its member \"label\" is 1.5, and a text or a whole number is expected", "{\"text\":\"p\",\"label\":1.5}")]
    [InlineData("a.jsonl", 1, "its member \"text\" is null, and a text is expected", "{\"text\":null,\"label\":\"x\"}")]
    [InlineData("a.jsonl", 1, "it is no JSON", "{\"text\":\"p\",\"label\":\"x\"")]
    [InlineData("a.jsonl", 1, "it holds [1], and an object is expected", "[1]")]
    public void FromFiles_BrokenLine_NamesFileAndLine(string name, int line, string message, string content)
    {
        string file = folder.Write(name, content);

        var e = Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(new() { Labels = new(["x", "y"]) }, file));

        Assert.Contains(message, e.Message);
        Assert.Contains($"Line {line} of the file '{file}'", e.Message);
        Assert.Equal((file, line), (e.File, e.Line));
    }

    [Fact]
    public void FromFiles_NumberBeyondTheLargest_NamesFileAndLine()
    {
        string file = folder.Write("a.csv", "text,label\np,-1\nq,5\n");
        LabelledTextOptions options = new() { Task = ClassificationTask.Regression, LargestValue = 1 };

        var e = Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(options, file));

        Assert.Equal((file, 3), (e.File, e.Line));
        Assert.Contains("its label (5) must be from -1 to 1. Divide the numbers by the largest", e.Message);
        Assert.Equal(2, LabelledTexts.FromFiles(options with { LargestValue = 5 }, file).Count);
        Assert.Contains("LargestValue (0) must be positive and finite.", Assert.Throws<ArgumentException>((options with { LargestValue = 0 }).Validate).Message);
    }

    [Fact]
    public void FromFiles_WhatCannotBeLearned_IsRefused()
    {
        Assert.Contains("one label only, 'x'", Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(new(), folder.Write("a.csv", "text,label\np,x\nq,x\n"))).Message);
        Assert.Contains("its label ('much') is no number", Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(new() { Task = ClassificationTask.Regression }, folder.Write("b.csv", "text,label\np,much\n"))).Message);
        Assert.Contains("names a label twice (x, x)", Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(new() { Task = ClassificationTask.MultiLabel }, folder.Write("c.csv", "text,label\np,x|x\n"))).Message);
        Assert.Contains("must end in .jsonl, .ndjson, .csv or .tsv", Assert.Throws<CorpusException>(() => LabelledTexts.FromFiles(new(), folder.Write("d.txt", "p"))).Message);
        var e = Assert.Throws<ArgumentException>(() => new LabelledTextOptions { Format = CorpusFormat.Html, LabelField = "text" }.Validate());
        Assert.Contains("Format (Html)", e.Message);
        Assert.Contains("must be different", e.Message);
    }

    [Fact]
    public void Split_Groups_AreHeldOutWholeAndAlwaysTheSame()
    {
        LabelledText[] examples = [.. Enumerable.Range(0, 301).Select(i => new LabelledText { Text = $"text {i}", Labels = [i % 3], Group = i < 200 ? $"group {i % 40}" : null })];
        var texts = new LabelledTexts(examples, new(["a", "b", "c"]));

        var (train, held) = texts.Split(0.2);

        Assert.InRange(held!.Count, 60, 65);
        Assert.Equal(examples.ToHashSet(), train.Examples.Concat(held.Examples).ToHashSet());
        Assert.Equal(301, train.Count + held.Count);
        Assert.Empty(train.Examples.Select(e => e.Group).OfType<string>().Intersect(held.Examples.Select(e => e.Group).OfType<string>()));
        Assert.Equal(held.Fingerprint, texts.Split(0.2).Validation!.Fingerprint);
        Assert.NotEqual(train.Fingerprint, held.Fingerprint);
        Assert.Null(texts.Split(0).Validation);
        var one = new LabelledTexts([.. examples.Select(e => e with { Group = "all" })], texts.Labels);
        Assert.Contains("in 1 groups", Assert.Throws<CorpusException>(() => one.Split(0.1)).Message);
    }

    [Fact]
    public void Fingerprint_AnyChange_ChangesIt()
    {
        LabelledText[] examples = [new() { Text = "ab", Labels = [0] }, new() { Text = "c", Labels = [1] }];
        string Of(params LabelledText[] all) => new LabelledTexts(all, new(["a", "b"])).Fingerprint;
        string whole = Of(examples);

        Assert.Equal(whole, Of(examples));
        Assert.Distinct([whole, Of(examples[1], examples[0]), Of(examples[0] with { Text = "a" }, examples[1] with { Text = "bc" }), Of(examples[0] with { Labels = [1] }, examples[1]),
            new LabelledTexts(examples, new(["a", "c"])).Fingerprint]);
    }

    [Fact]
    public void FromSdkDocumentation_Kinds_AreThoseOfTheMembersAndNoSummaryIsOnBothSides()
    {
        var documentation = new SdkDocumentation();

        LabelledTexts texts = LabelledTexts.FromSdkDocumentation(documentation);

        Assert.Equal(["constructor", "event", "field", "method", "operator", "property", "type"], texts.Labels!.Names);
        Assert.True(texts.Count > 10_000, $"{texts.Count}");
        Assert.Distinct(texts.Examples.Select(e => e.Text));
        SdkMember trim = documentation.Members.First(m => m.Id == "M:System.String.Trim");
        LabelledText example = texts.Examples.Single(e => e.Text == trim.Summary.Text);
        Assert.Equal(("method", "System.String"), (texts.Labels[example.Labels[0]], example.Group));
        var (train, held) = texts.Split(0.1);
        Assert.Empty(train.Examples.Select(e => e.Group).Intersect(held!.Examples.Select(e => e.Group)));
        Assert.InRange((double)held.Count / texts.Count, 0.1, 0.12);
    }

    [Fact]
    public void FromSdkDocumentation_Namespaces_HaveAtLeast100Summaries()
    {
        LabelledTexts texts = LabelledTexts.FromSdkDocumentation(new SdkDocumentation(), SdkLabel.Namespace);

        Assert.Contains("System.IO", texts.Labels!.Names);
        Assert.All(texts.Examples.CountBy(e => e.Labels[0]), count => Assert.True(count.Value >= 100));
        Assert.Equal(texts.Labels.Count, texts.Examples.Select(e => e.Labels[0]).Distinct().Count());
    }
}

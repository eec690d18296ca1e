using PreTrain.Data;
using PreTrain.Tokenization;

namespace PreTrain.Tests.Data;

public sealed class TaggedTextsTests : IDisposable
{
    private const string Conll = "-DOCSTART- -X- O\n\nAda NNP B-PER\nLovelace NNP I-PER\nlived VBD O\n\nin\tIN\tO\nNew NNP B-LOC\r\nYork NNP I-LOC\n. . O\n\n\n-DOCSTART- -X- O\n\nBob NNP B-PER\n";

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromFiles_Columns_GivesSentencesOfDocuments()
    {
        TaggedTexts texts = TaggedTexts.FromFiles(null, folder.Write("a.conll", Conll));

        Assert.Equal(["O", "B-LOC", "I-LOC", "B-PER", "I-PER"], texts.Tags.Names);
        Assert.Equal(["Ada Lovelace lived", "in New York .", "Bob"], texts.Examples.Select(e => e.Text));
        Assert.Equal(["in", "New", "York", "."], texts.Examples[1].Words.Select(w => texts.Examples[1].Text[w.Start..w.End]));
        Assert.Equal([0, 1, 2, 0], texts.Examples[1].Tags);
        Assert.Equal(texts.Examples[0].Group, texts.Examples[1].Group);
        Assert.NotEqual(texts.Examples[0].Group, texts.Examples[2].Group);
    }

    [Fact]
    public void FromFiles_TabsBetweenColumns_LeaveSpacesInWords()
    {
        TaggedTexts texts = TaggedTexts.FromFiles(null, folder.Write("a.conll", "10 000\tCD\tO\nNew York\tNNP\tB-LOC\n"));

        TaggedText example = Assert.Single(texts.Examples);
        Assert.Equal(["10 000", "New York"], example.Words.Select(w => example.Text[w.Start..w.End]));
        Assert.Equal(["O", "B-LOC"], example.Tags.Select(tag => texts.Tags[tag]));
    }

    [Fact]
    public void FromFiles_Spans_CountCharactersAndCoverWords()
    {
        // Behind a character of two UTF-16 units; the second span covers three words, one of them in part.
        TaggedTexts texts = TaggedTexts.FromFiles(null, folder.Write("a.jsonl", """
            {"text":"😀 see Stream.Read now","spans":[{"start":6,"end":15,"label":"ref"}]}
            {"text":"no name here","spans":[]}
            """));

        TaggedText first = texts.Examples[0];
        Assert.Equal(["😀", "see", "Stream", ".", "Read", "now"], first.Words.Select(w => first.Text[w.Start..w.End]));
        Assert.Equal(["O", "O", "B-ref", "I-ref", "I-ref", "O"], first.Tags.Select(tag => texts.Tags[tag]));
        Assert.All(texts.Examples[1].Tags, tag => Assert.Equal(0, tag));
    }

    [Theory]
    [InlineData("see x_1, é!", "see|x_1|,|é|!")]
    [InlineData("e\u0301te\u0301 हिन्दी தமிழ்", "e\u0301te\u0301|हिन्दी|தமிழ்")]
    [InlineData("می\u200Cخواهم رفت", "می\u200Cخواهم|رفت")]
    [InlineData("在北京 Tōkyō東京タワー", "在|北|京|Tōkyō|東|京|タ|ワ|ー")]
    [InlineData("ที่นี่", "ที่|นี่")]
    [InlineData("a😀b", "a|😀|b")]
    public void WordsOf_AnyScript_KeepMarksWithTheirLetters(string text, string expected) =>
        Assert.Equal(expected, string.Join('|', TaggedText.WordsOf(text).Select(word => text[word.Start..word.End])));

    [Theory]
    [InlineData("a.conll", 2, "its tag ('X') must be O, B-TYPE or I-TYPE", "a O\nb X\n")]
    [InlineData("a.conll", 2, "its tag ('I-PER') goes on with a name, and 'O' before it is none of that type. In IOB2 a name begins with B-PER", "a O\nb I-PER\n")]
    [InlineData("a.conll", 3, "its tag ('I-PER') goes on with a name", "a B-PER\n\nb I-PER\n")]
    [InlineData("a.conll", 1, "it holds 'a' alone, and a word and its tag are expected", "a\n")]
    [InlineData("a.conll", 3, "its tag ('B-ORG') is not one of O, B-PER, I-PER", "a B-PER\nb O\nc B-ORG\n")]
    [InlineData("a.jsonl", 2, "its span from 2 to 5 ('PER') lies beyond the text of 4 characters", "{\"text\":\"a\",\"spans\":[]}\n{\"text\":\"abcd\",\"spans\":[{\"start\":2,\"end\":5,\"label\":\"PER\"}]}")]
    [InlineData("a.jsonl", 1, "must begin at 0 or later and end after its beginning", "{\"text\":\"abcd\",\"spans\":[{\"start\":2,\"end\":2,\"label\":\"PER\"}]}")]
    [InlineData("a.jsonl", 1, "its spans 'ab' and 'bc' overlap", "{\"text\":\"abc\",\"spans\":[{\"start\":1,\"end\":3,\"label\":\"PER\"},{\"start\":0,\"end\":2,\"label\":\"PER\"}]}")]
    [InlineData("a.jsonl", 1, "its spans 'ab' and 'c' lie in one word, 'abc', and a word has one tag", "{\"text\":\"abc\",\"spans\":[{\"start\":2,\"end\":3,\"label\":\"PER\"},{\"start\":0,\"end\":2,\"label\":\"PER\"}]}")]
    [InlineData("a.jsonl", 1, "its tag ('B-ORG') is not one of O, B-PER, I-PER", "{\"text\":\"abc\",\"spans\":[{\"start\":1,\"end\":3,\"label\":\"ORG\"}]}")]
    [InlineData("a.jsonl", 1, "it has no list \"spans\"", "{\"text\":\"abc\"}")]
    [InlineData("a.jsonl", 1, "it is no JSON", "{\"text\":\"abc\"")]
    public void FromFiles_BrokenLine_NamesFileAndLine(string name, int line, string message, string content)
    {
        string file = folder.Write(name, content);

        var e = Assert.Throws<CorpusException>(() => TaggedTexts.FromFiles(new(["O", "B-PER", "I-PER"]), file));

        Assert.Contains(message, e.Message);
        Assert.Equal((file, line), (e.File, e.Line));
    }

    [Fact]
    public void FromFiles_NoName_IsRefused() =>
        Assert.Contains("holds no tagged name", Assert.Throws<CorpusException>(() => TaggedTexts.FromFiles(null, folder.Write("a.conll", "a O\n"))).Message);

    [Fact]
    public void Constructor_WordsThatDoNotFit_AreRefused()
    {
        string Fault(TokenSpan[] words, int[] tags) => Assert.Throws<ArgumentException>(() => new TaggedTexts([new() { Text = "abc", Words = words, Tags = tags }], new(["O", "B-X", "I-X"]))).Message;
        Assert.StartsWith("Word 1 of example 0 (2 to 4) lies beyond the text of 3 characters.", Fault([new(0, 1), new(2, 4)], [0, 0]));
        Assert.StartsWith("Word 1 of example 0 (0 to 2) must begin behind the one before it", Fault([new(0, 1), new(0, 2)], [0, 0]));
        Assert.StartsWith("Example 0 has 1 words and 2 tags", Fault([new(0, 1)], [0, 0]));
        Assert.StartsWith("The tag of word 0 of example 0 (3) must be from 0 to 2.", Fault([new(0, 1)], [3]));
        Assert.StartsWith("The tag 'person' must be O, B-TYPE or I-TYPE.", Assert.Throws<ArgumentException>(() => new TaggedTexts([new() { Text = "a", Words = [new(0, 1)], Tags = [0] }], new(["O", "person"]))).Message);
    }

    [Fact]
    public void Split_FileOfOneDocument_IsHeldOutBySentences()
    {
        string text = "-DOCSTART- O\n\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"Name{i} B-PER\n. O\n\n"));
        TaggedTexts texts = TaggedTexts.FromFiles(null, folder.Write("a.conll", text), folder.Write("b.conll", text.Replace("Name", "Other")));
        var (train, held) = texts.Split(0.1);
        Assert.Equal((36, 4), (train.Count, held!.Count));
    }

    [Fact]
    public void Split_GroupThatOvershoots_IsPassedOver()
    {
        TaggedTexts Of(params int[] sizes) => new([.. sizes.SelectMany((size, group) => Enumerable.Range(0, size).Select(i => new TaggedText { Text = $"t{group}.{i}", Words = [new(0, 2)], Tags = [0], Group = $"g{group}" }))], new(["O"]));
        foreach (int large in new[] { 0, 3, 7 })
        {
            int[] sizes = [.. Enumerable.Range(0, 11).Select(group => group == large ? 900 : 10)];
            Assert.Equal(100, Of(sizes).Split(0.1).Validation!.Count);
        }
        Assert.Equal(300, Of(700, 300).Split(0.01).Validation!.Count);
        Assert.Contains("Of 5 tagged texts in 1 groups, all of 'g0', a held-out share of 0.2 leaves none", Assert.Throws<CorpusException>(() => Of(5).Split(0.2)).Message);
    }

    [Fact]
    public void FromSdkDocumentation_Spans_AreThoseOfTheDocumentation()
    {
        var documentation = new SdkDocumentation();

        TaggedTexts texts = TaggedTexts.FromSdkDocumentation(documentation);

        Assert.Equal(["O", "B-code", "I-code", "B-keyword", "I-keyword", "B-parameter", "I-parameter", "B-reference", "I-reference", "B-typeparameter", "I-typeparameter"], texts.Tags.Names);
        Assert.True(texts.Count > 5000, $"{texts.Count}");
        SdkMember member = documentation.Members.First(m => m.Summary.Spans.Count > 1 && SdkDocumentation.IsProse(m));
        TaggedText example = texts.Examples.Single(e => e.Text == member.Summary.Text);
        foreach (SdkSpan span in member.Summary.Spans)
        {
            int word = example.Words.ToList().FindIndex(w => w.End > span.Start);
            Assert.Equal($"B-{span.Kind.ToString().ToLowerInvariant()}", texts.Tags[example.Tags[word]]);
        }
        var (train, held) = texts.Split(0.1);
        Assert.Equal(texts.Count, train.Count + held!.Count);
        Assert.Empty(train.Examples.Select(e => e.Group).Intersect(held.Examples.Select(e => e.Group)));
        Assert.Distinct([texts.Fingerprint, train.Fingerprint, held.Fingerprint]);
    }
}

using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class FactWeavingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private string Write(string name, string text)
    {
        File.WriteAllText(_folder.File(name), text);
        return _folder.File(name);
    }

    private Facts Load(string text, Dictionary<string, string>? templates = null) => Facts.Load(Write("facts.tsv", text), templates);

    private static string[] Run(CorpusStep step, params string[] documents) => [.. TextCorpus.FromDocuments(documents).Apply(step)];

    [Fact]
    public void Process_ASubject_GetsItsFactBehindItsSentence()
    {
        Facts facts = Load("Marie Curie\tborn_in\tWarsaw\nC++\tdesigned by\tBjarne Stroustrup\n# a comment\n\nWarsaw\tcapital_of\tPoland\n",
            new() { ["capital_of"] = "{subject} is the capital of {object}." });
        var corpus = TextCorpus.FromDocuments(["Few know marie  curie. She left.\n\nNobody here.", "We write C++ today!  It is old.", "Warsawa is none. A Mariecurie neither."])
            .Apply(new FactWeaving(facts, new() { Rate = 1 }));

        Assert.Equal(["Few know marie  curie. Marie Curie born in Warsaw. She left.\n\nNobody here.", "We write C++ today! C++ designed by Bjarne Stroustrup.  It is old.",
            "Warsawa is none. A Mariecurie neither."], corpus);
        Assert.Equal(2, corpus.Report.Steps[0].Changes["facts woven in"]);
        Assert.Equal((3, 3), (facts.Count, facts.SubjectCount));
        Assert.Equal(["Warsaw it is. Warsaw is the capital of Poland."], Run(new FactWeaving(facts, new() { Rate = 1 }), "Warsaw it is."));
    }

    [Fact]
    public void Process_OverlappingSubjects_TakesTheLongest()
    {
        Facts facts = Load("New York\tis\ta city\nNew York Times\tis\ta newspaper\nYork\tis\told\n");
        Assert.Equal(["I read the New York Times. New York Times is a newspaper."], Run(new FactWeaving(facts, new() { Rate = 1 }), "I read the New York Times."));
        Assert.Equal(["I saw New York. New York is a city."], Run(new FactWeaving(facts, new() { Rate = 1 }), "I saw New York."));
    }

    [Fact]
    public void Process_LimitAndRepetition_ADocumentGetsEachFactOnce()
    {
        Facts facts = Load("Ada\tis\tone\nAda\tis\ttwo\nAda\tis\tone\n");
        string document = string.Concat(Enumerable.Repeat("Here is Ada. ", 9)).TrimEnd();
        string all = Run(new FactWeaving(facts, new() { Rate = 1, MaxPerDocument = 7 }), document)[0];
        Assert.Equal((1, 1, 9), (all.Split("Ada is one.").Length - 1, all.Split("Ada is two.").Length - 1, all.Split("Here is Ada.").Length - 1));
        Assert.Single(Run(new FactWeaving(facts, new() { Rate = 1, MaxPerDocument = 1 }), document)[0].Split("Ada is ")[1..]);
    }

    [Fact]
    public void Process_RateAndSeed_DecideTogetherWithTheTextAlone()
    {
        Facts facts = Load("Ada\tis\tone\n");
        string[] documents = [.. Enumerable.Range(0, 2003).Select(i => $"Here is Ada, number {i}.")];
        string[] Woven(double rate, ulong seed, int threads = 2) => [.. TextCorpus.FromDocuments(documents).Apply(new FactWeaving(facts, new() { Rate = rate, Seed = seed }), threads)];

        string[] woven = Woven(0.3, 5);
        Assert.InRange(woven.Count(text => text.EndsWith("Ada is one.", StringComparison.Ordinal)), 520, 680);   // 601 ± 4 deviations
        Assert.Equal(woven, Woven(0.3, 5, 1));
        Assert.NotEqual(woven, Woven(0.3, 7));
    }

    [Theory]
    [InlineData("facts.tsv", "a\tb\n", "Line 1 of the file '{0}' is no fact: it has 2 fields, and subject, relation and object are needed, none of them empty.")]
    [InlineData("facts.tsv", "a\tb\tc\na\t \tc\n", "Line 2 of the file '{0}' is no fact: it has 3 fields, and subject, relation and object are needed, none of them empty.")]
    [InlineData("facts.tsv", "# nothing\n", "The file '{0}' holds no fact. Write subject, relation and object on each line, with tabs between them.")]
    [InlineData("facts.jsonl", "{\"subject\":\"a\",\"relation\":\"b\",\"object\":\"c\"}\n{\"subject\":1}\n", "Line 2 of the file '{0}' is no fact: ")]
    public void Load_ABrokenFile_NamesTheLine(string name, string text, string message)
    {
        string file = Write(name, text);
        Assert.StartsWith(message.Replace("{0}", file), Assert.Throws<CorpusException>(() => Facts.Load(file)).Message);
    }

    [Fact]
    public void Load_JsonLines_AreFactsToo()
    {
        Facts facts = Facts.Load(Write("facts.jsonl", "{\"subject\":\"Ada\",\"relation\":\"is\",\"object\":\"one\"}\n"));
        Assert.Equal(["Ada! Ada is one."], Run(new FactWeaving(facts, new() { Rate = 1 }), "Ada!"));
    }

    [Fact]
    public void Options_OutOfRange_AreNamed()
    {
        Assert.Equal("The template of 'is' ({subject}!) must hold {subject} and {object}. (Parameter 'templates')",
            Assert.Throws<ArgumentException>(() => Load("a\tis\tb\n", new() { ["is"] = "{subject}!" })).Message);
        Assert.Equal($"Rate (0) must be more than 0 and at most 1.{Environment.NewLine}MaxPerDocument (0) must be at least 1.",
            Assert.Throws<ArgumentException>(() => new FactWeaving(Load("a\tis\tb\n"), new() { Rate = 0, MaxPerDocument = 0 })).Message);
    }

    [Theory]
    [InlineData("A FOUL thing.", true)]
    [InlineData("A foulard, not afoul.", false)]
    [InlineData("Very, very\nbad indeed.", true)]
    [InlineData("Very bad.", false)]
    [InlineData("", false)]
    [InlineData("At the end: foul", true)]
    public void WordList_Document_IsDroppedForAWholeWord(string document, bool dropped)
    {
        var corpus = TextCorpus.FromDocuments([document]).Apply(WordListFilter.Load(Write("words.txt", "# words\nfoul\nvery very bad\n\n")));
        Assert.Equal(dropped ? [] : [document], corpus);
        Assert.Equal(dropped ? 1 : 0, corpus.Report.Steps[0].Dropped.GetValueOrDefault("a word of the list"));
    }

    [Fact]
    public void WordList_WithoutWords_IsRefused()
    {
        string file = Write("words.txt", "# none\n");
        Assert.Equal($"The word list '{file}' holds no word; it takes one word or phrase on each line.", Assert.Throws<CorpusException>(() => WordListFilter.Load(file)).Message);
        Assert.Throws<ArgumentException>(() => new WordListFilter([]));
        Assert.Throws<ArgumentException>(() => new WordListFilter(["--"]));
    }

    [Fact]
    public void Spans_ThatCameBefore_GoAndTheRestStays()
    {
        var corpus = TextCorpus.FromDocuments(["One is here. Two is here. Three is here. Four is here.", "A start.\n\nTwo IS  here. Three is here. Four is here. An end.", "One is here. Two is here.",
            "Two is here. Three is here. Four is here."]).Apply(new SpanDeduplication());

        Assert.Equal(["One is here. Two is here. Three is here. Four is here.", "A start. An end.", "One is here. Two is here."], corpus);
        Assert.Equal(6, corpus.Report.Steps[0].Changes["repeated sentences removed"]);
        Assert.Equal(1, corpus.Report.Steps[0].Dropped["repeated spans alone"]);
        Assert.Equal(corpus.Sum(document => document.Length), corpus.Report.Steps[0].CharactersOut);
    }

    [Theory]
    [InlineData("Ha. Ha. Ha. Ha. Ha.", "Ha. Ha. Ha.")]
    [InlineData("Aye. Nay. Aye. Nay. Aye. Nay. So it ends.", "Aye. Nay. Aye. So it ends.")]
    public void Spans_ThatReachIntoTheirFirst_LeaveItWhole(string text, string expected) => Assert.Equal([expected], TextCorpus.FromDocuments([text]).Apply(new SpanDeduplication()));

    [Fact]
    public void Spans_RandomTexts_AreThoseOfASlowSearch()
    {
        var random = new Random(3);
        string[][] texts = [.. Enumerable.Range(0, 331).Select(_ => Enumerable.Range(0, random.Next(1, 9)).Select(_ => $"Sentence x{random.Next(5)}.").ToArray())];
        var expected = new List<string>();
        var before = new List<string[]>();
        foreach (string[] text in texts)
        {
            var removed = new HashSet<int>();
            int others = before.Count;
            for (int i = 0; i + 3 <= text.Length; i++)
            {
                string[] span = text[i..(i + 3)];
                int first = before.FindIndex(other => other.SequenceEqual(span));
                if (first >= 0) removed.UnionWith(new[] { i, i + 1, i + 2 }.Where(sentence => first < others || sentence >= first - others + 3));
                before.Add(span);
            }
            string[] left = [.. text.Where((_, i) => !removed.Contains(i))];
            if (left.Length > 0) expected.Add(string.Join(' ', left));
        }

        Assert.Equal(expected, [.. TextCorpus.FromDocuments(texts.Select(text => string.Join(' ', text))).Apply(new SpanDeduplication(), 2)]);
        Assert.True(expected.Count < 300);
    }
}

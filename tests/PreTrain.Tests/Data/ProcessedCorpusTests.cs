using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using PreTrain.Data;

namespace PreTrain.Tests.Data;

public sealed class ProcessedCorpusTests
{
    private const string Prose =
        "The committee met in the old town hall and talked about the new bridge for most of the evening. Several members said that they have walked across the river "
        + "with their children many times, and that the current path is narrow to the point of danger. Others wanted to know who would pay for it. A vote will be held "
        + "next month after the engineers have given their report to the council.";

    [Fact]
    public void Apply_ManyStepsAndThreads_YieldsTheSameAsOneThread()
    {
        var random = new Random(5);
        string[] documents = [.. Enumerable.Range(0, 2003).Select(i => string.Join(' ', Enumerable.Range(0, random.Next(1, 40)).Select(_ => $"w{random.Next(3)}")) + (i % 3 == 0 ? " \r\n" : ""))];
        TextCorpus Steps(int threads) => TextCorpus.FromDocuments(documents).Apply(new TextCleaning(), threads).Apply(new ExactDeduplication())
            .Apply(new Chunking(11, 2)).Apply(new NearDeduplication());

        var one = (ProcessedCorpus)Steps(1);
        var many = (ProcessedCorpus)Steps(7);

        Assert.Equal(one.ToArray(), many.ToArray());
        Assert.Equal(one.Report.ToJson(), many.Report.ToJson());
        Assert.Equal(many.ToArray(), many.ToArray());   // a pass anew remembers nothing
        Assert.True(many.Report.Steps[1].Dropped["duplicate"] > 50);
        Assert.True(many.Report.Steps[3].Dropped["near duplicate"] > 100);
    }

    [Fact]
    public void Report_DroppedAndChanged_IsCountedByReason()
    {
        var corpus = TextCorpus.FromDocuments(["a\r\nb", " \u0007 ", "x", "x", "cafe\u0301"]).Apply(new TextCleaning()).Apply(new ExactDeduplication());

        Assert.Equal(["a\nb", "x", "café"], corpus);
        Assert.Equal(
            "{\"steps\":[{\"name\":\"cleaning\",\"documentsIn\":5,\"documentsOut\":4,\"charactersIn\":14,\"charactersOut\":9,\"dropped\":{\"no text left\":1},"
            + "\"changes\":{\"control characters removed\":2,\"lines tidied\":1,\"normalized\":1}},"
            + "{\"name\":\"exact deduplication\",\"documentsIn\":4,\"documentsOut\":3,\"charactersIn\":9,\"charactersOut\":8,\"dropped\":{\"duplicate\":1},\"changes\":{}}]}",
            corpus.Report.ToJson());
        Assert.Equal(
            """
            step                                   documents in  out  characters in  out
            cleaning                                          5    4             14    9
              dropped: no text left                           1
              changed: control characters removed             2
              changed: lines tidied                           1
              changed: normalized                             1
            exact deduplication                               4    3              9    8
              dropped: duplicate                              1

            """, corpus.Report.ToString());
        JsonDocument.Parse(corpus.Report.ToJson()).Dispose();
    }

    [Fact]
    public void Apply_FaultOfASource_ReachesTheConsumerAfterWhatCameBefore()
    {
        IEnumerable<string> Documents()
        {
            yield return "one";
            throw new CorpusException("broken");
        }

        Assert.Equal("broken", Assert.Throws<CorpusException>(() => TextCorpus.FromDocuments(Documents()).Apply(new TextCleaning()).Count()).Message);
    }

    [Fact]
    public void Apply_ConsumerStopsEarly_ReadsABoundedPartOfTheSource()
    {
        var read = 0;
        IEnumerable<string> Documents()
        {
            while (true)
            {
                read++;
                yield return $"document {read}";
            }
        }

        Assert.Equal("document 1", TextCorpus.FromDocuments(Documents()).Apply(new TextCleaning(), threads: 2).First());
        Assert.InRange(read, 1, 4 * 256 + 1);
    }

    [Theory]
    [InlineData("a \t\n\n\n\nb\n", "a\n\nb")]
    [InlineData("\n\n a\fb\u200B\u00AD\uFEFF", " a\nb")]
    [InlineData("①ﬁ", "①ﬁ")]
    [InlineData("a\n \nb", "a\n\nb")]
    public void Cleaning_Text_IsAsExpected(string text, string expected) => Assert.Equal([expected], Run(new TextCleaning(), text));

    [Fact]
    public void Cleaning_LoneSurrogates_Go() => Assert.Equal(["ab😀"], Run(new TextCleaning(), "a\uD800b😀\uDE00"));   // an attribute could not hold them

    [Fact]
    public void Cleaning_Html_BecomesItsText() =>
        Assert.Equal(["One & two.\n\n1fi"], Run(new TextCleaning(new() { RemoveHtml = true, NormalForm = TextNormalForm.Nfkc }), "<nav>x</nav><p>One &amp; two.</p>①ﬁ"));

    [Fact]
    public void Cleaning_Twice_ChangesNothingMore() => Check.QuickThrowOnFailure(Prop.ForAll(
        Gen.ArrayOf(Gen.Elements("a", " ", "\n", "\r", "\t", "e\u0301", "\u0000", "\u00A0", "😀", "\uD83D")).Select(string.Concat).ToArbitrary(),
        text =>
        {
            var once = Run(new TextCleaning(), text);
            return once.Length == 0 || Run(new TextCleaning(), once[0]).SequenceEqual(once);
        }));

    public static TheoryData<string, string?> GopherCases => new()
    {
        { Prose, null },
        { "The cat and the dog sat.", "Gopher: fewer than 50 words" },
        { string.Concat(Enumerable.Range(0, 60).Select(i => $"{"the of and"[i % 3 * 3]} {i} ")), "Gopher: mean word length outside 3 to 10" },
        { Prose.Replace(" ", " #"), "Gopher: more than 0.1 hash signs a word" },
        { Prose.Replace(" ", "... "), "Gopher: more than 0.1 ellipses a word" },
        { "- " + Prose.Replace(". ", ".\n- "), "Gopher: more than 90 % of the lines are bullets" },
        { Prose.Replace(". ", "...\n"), "Gopher: more than 30 % of the lines end with an ellipsis" },
        { Prose + string.Concat(Enumerable.Range(1000, 30).Select(i => $" {i}")), "Gopher: fewer than 80 % of the words hold a letter" },
        { string.Join(' ', Enumerable.Range(0, 60).Select(i => $"word{i}")), "Gopher: fewer than 2 stop words" },
        { string.Concat(Enumerable.Repeat(Prose + "\n", 2)), "Gopher: more than 30 % duplicate lines" },
        { Prose + "\n\n" + string.Concat(Enumerable.Repeat("terribly boring ", 20)), "Gopher: the most frequent 2-gram takes more than 20 % of the characters" },
        { Prose + "\n\n" + string.Concat(Enumerable.Repeat("Buy now while it lasts ", 12)), "Gopher: the most frequent 3-gram takes more than 18 % of the characters" },
        { Prose + " " + Prose, "Gopher: duplicate 5-grams take more than 15 % of the characters" },
    };

    [Theory]
    [MemberData(nameof(GopherCases))]
    public void Gopher_Document_IsDroppedForTheRuleItBreaks(string document, string? reason)
    {
        var corpus = TextCorpus.FromDocuments([document]).Apply(new QualityFilter(QualityRules.Gopher));
        Assert.Equal(reason is null ? 1 : 0, corpus.Count());
        if (reason is not null)
            Assert.StartsWith(reason, Assert.Single(corpus.Report.Steps[0].Dropped).Key);
    }

    [Fact]
    public void C4_Lines_StayOnlyIfTheyEndAsSentencesDo()
    {
        const string Page = "Home | About | Contact\nThis is the first sentence of it. And a second one is here, too!\nPlease enable JavaScript to see this page.\n"
            + "We use cookies to make this page better.\nToo short.\nDoes the third[12] one ask a question?\nThis line just trails off...";
        Assert.Equal(["This is the first sentence of it. And a second one is here, too!\nDoes the third one ask a question?"], Run(new QualityFilter(QualityRules.C4), Page));
    }

    [Theory]
    [InlineData("if (x) { return; }", "C4: a curly bracket")]
    [InlineData("Lorem Ipsum dolor sit amet, consetetur.", "C4: lorem ipsum")]
    [InlineData("There is only one sentence in here.", "C4: fewer than 3 sentences")]
    public void C4_Page_IsDropped(string page, string reason)
    {
        var corpus = TextCorpus.FromDocuments([page]).Apply(new QualityFilter(QualityRules.C4));
        Assert.Empty(corpus);
        Assert.Equal(reason, Assert.Single(corpus.Report.Steps[0].Dropped).Key);
    }

    [Theory]
    [InlineData("en", Prose)]
    [InlineData("de", "Der Ausschuss traf sich im alten Rathaus und sprach den ganzen Abend über die neue Brücke, die nicht zu teuer werden soll.")]
    [InlineData("fr", "Le comité s'est réuni dans la vieille mairie et a parlé du nouveau pont pendant toute la soirée, mais il n'est pas sûr que la ville puisse le payer.")]
    [InlineData("es", "El comité se reunió en el antiguo ayuntamiento y habló del nuevo puente durante toda la tarde, pero no hay dinero para la obra.")]
    [InlineData("it", "Il comitato si è riunito nel vecchio municipio e ha parlato del nuovo ponte per tutta la sera, ma non ci sono soldi per i lavori della città.")]
    [InlineData("nl", "De commissie kwam bijeen in het oude stadhuis en sprak de hele avond over de nieuwe brug, maar er is nog geen geld voor het werk.")]
    [InlineData("pt", "O comité reuniu-se na antiga câmara e falou da nova ponte durante toda a noite, mas não há dinheiro para as obras da cidade.")]
    [InlineData("ru", "Комитет собрался в старой ратуше и весь вечер говорил о новом мосте, но денег на его строительство у города не было.")]
    [InlineData("uk", "Комітет зібрався у старій ратуші та весь вечір говорив про новий міст, але грошей на його будівництво у міста не було.")]
    [InlineData("ja", "委員会は古い市役所に集まり、新しい橋について話しました。")]
    [InlineData("zh", "委员会在旧市政厅开会,讨论了新桥。")]
    [InlineData("ko", "위원회는 오래된 시청에서 만나 새 다리에 대해 이야기했다.")]
    [InlineData("el", "Η επιτροπή συναντήθηκε στο παλιό δημαρχείο.")]
    [InlineData(null, "xyzzy 17 qwfp zxcv")]
    public void Identify_Text_IsItsLanguage(string? language, string text) => Assert.Equal(language, LanguageIdentifier.Identify(text));

    [Fact]
    public void LanguageFilter_OtherLanguages_AreDroppedAndNamed()
    {
        var corpus = TextCorpus.FromDocuments([Prose, "委员会在旧市政厅开会。", "qq"]).Apply(new LanguageFilter("en"));
        Assert.Equal([Prose], corpus);
        Assert.Equal(["language unknown", "language zh"], corpus.Report.Steps[0].Dropped.Keys);
        Assert.StartsWith("The language 'xx' is not known; known are ar, bg, ", Assert.Throws<ArgumentException>(() => new LanguageFilter("xx")).Message);
    }

    [Theory]
    [InlineData("Write to Ann.Bell+x@mail.example.co.uk, please.", "Write to <email>, please.")]
    [InlineData("user@localhost and @handle", "user@localhost and @handle")]
    [InlineData("Card 4111 1111 1111 1111.", "Card <card>.")]
    [InlineData("Not a card: 4111 1111 1111 1112", "Not a card: 4111 1111 1111 1112")]
    [InlineData("Call +49 30 901820 or (555) 010-9999 or 555-010-9999.", "Call <phone> or <phone> or <phone>.")]
    [InlineData("On 2024-01-15 it cost 1,234,567.89 for 12345678 pieces of 3.14159", "On 2024-01-15 it cost 1,234,567.89 for 12345678 pieces of 3.14159")]
    [InlineData("From 8.8.8.8 to 192.168.0.1, 127.0.0.1 and 999.1.1.1; version 1.2.3.4.5", "From <ip> to 192.168.0.1, 127.0.0.1 and 999.1.1.1; version 1.2.3.4.5")]
    [InlineData("At 2001:db8::8a2e:370:7334 and ::1, 12:30:45, std::vector", "At <ip> and ::1, 12:30:45, std::vector")]
    public void Masking_Text_IsAsExpected(string text, string expected) => Assert.Equal([expected], Run(new PersonalDataMasking(), text));

    [Theory]
    [InlineData("Dr. A. Smith paid $3.50. \"Really?\" she asked. Yes! It ended... or not", "Dr. A. Smith paid $3.50.|\"Really?\" she asked.|Yes!|It ended... or not")]
    [InlineData("See e.g. Figure 3. Then go on", "See e.g. Figure 3.|Then go on")]
    [InlineData("A title\n\nThe text. \n More", "A title|The text.|More")]
    [InlineData("这是。那是！好", "这是。|那是！|好")]
    [InlineData("It is ....so. Yes ..?! nay. \"Oh...\" he", "It is ....so.|Yes ..?! nay.|\"Oh...\" he")]
    public void Split_Text_IsItsSentences(string text, string expected) => Assert.Equal(expected.Split('|'), SentenceSplitting.Split(text));

    [Fact]
    public void Split_MarksWithoutEnd_EndInTime()
    {
        string text = new string('.', 400_000) + "x. Y";
        Assert.Equal([text[..^2], "Y"], SentenceSplitting.Split(text));
    }

    [Fact]
    public void Chunking_Words_CutsWithAndWithoutOverlap()
    {
        Assert.Equal(["a  b\nc", "d e f", "g"], Run(new Chunking(3), "a  b\nc d e f g "));
        Assert.Equal(["a b c", "c d e", "e f g"], Run(new Chunking(3, 1), "a b c d e f g"));
        Assert.Equal(["A b c. D e.", "F g h i j", "k."], Run(new Chunking(5, unit: ChunkUnit.Sentences), "A b c. D e. F g h i j k."));
        Assert.Equal(["A b. C d.", "C d. E f."], Run(new Chunking(4, 2, ChunkUnit.Sentences), "A b. C d. E f."));
        Assert.Equal(["A b. C d.", "C d. E f g.", "H i j k l."], Run(new Chunking(5, 2, ChunkUnit.Sentences), "A b. C d. E f g. H i j k l."));
        Assert.Equal(["One. Two. Three.", "Four a b c d.", "End."], Run(new Chunking(5, 3, ChunkUnit.Sentences), "One. Two. Three. Four a b c d. End."));
        Assert.Equal("overlap (3) must be at least 0 and less than words (3), so that each chunk goes on. (Parameter 'overlap')\nActual value was 3.",
            Assert.Throws<ArgumentOutOfRangeException>(() => new Chunking(3, 3)).Message.ReplaceLineEndings("\n"));
    }

    [Fact]
    public void NearDeduplication_RandomEdits_DropsWhatBruteForceDrops()
    {
        var random = new Random(11);
        var documents = NearDuplicates(random, 701);
        var hash = new MinHash(128, 5, 0);
        var sets = Array.ConvertAll(documents, document => hash.Shingles(document));
        var kept = new List<int>();
        for (var i = 0; i < documents.Length; i++)
        {
            if (!kept.Exists(k => MinHash.Jaccard(sets[k], sets[i]) >= 0.8))
                kept.Add(i);
        }

        var actual = TextCorpus.FromDocuments(documents).Apply(new NearDeduplication()).ToHashSet();

        var droppedByForce = documents.Length - kept.Count;
        var expected = kept.Select(i => documents[i]).ToHashSet();
        var dropped = documents.Where(d => !actual.Contains(d)).ToHashSet();
        var both = dropped.Count(d => !expected.Contains(d));
        Assert.InRange(droppedByForce, 100, 600);
        Assert.True(2.0 * both / (dropped.Count + droppedByForce) >= 0.95, $"F1 is {2.0 * both / (dropped.Count + droppedByForce)}.");
    }

    [Fact]
    public void Jaccard_SetsOfText_IsThatOfTheirShingles()
    {
        var hash = new MinHash(16, 2, 3);
        var a = hash.Shingles("One two, three four five");      // 4 shingles
        var b = hash.Shingles("one TWO three; four six seven");   // 5 shingles, 3 of them common
        Assert.Equal(3.0 / 6, MinHash.Jaccard(a, b));
        Assert.Equal(1, MinHash.Jaccard(hash.Shingles("..."), []));
    }

    [Fact]
    public void Signature_ManyPairs_AgreesAsOftenAsTheJaccardSimilarity()
    {
        var hash = new MinHash(1021, 1, 17);
        uint[] Set(int from, int count) => [.. Enumerable.Range(from, count).Select(i => (uint)(SplitMix.Mix((ulong)i) >> 32)).Order()];
        foreach (var common in new[] { 0, 97, 331, 499 })
        {
            uint[] a = Set(0, 500), b = Set(500 - common, 500);
            uint[] x = hash.Signature(a), y = hash.Signature(b);
            var similarity = common / (1000.0 - common);
            var agreeing = x.Zip(y).Count(pair => pair.First == pair.Second) / 1021.0;
            Assert.InRange(agreeing, similarity - 0.06, similarity + 0.06);   // four standard deviations
        }
    }

    /// <summary>Documents of which about half are edits of earlier ones, from none to many words changed.</summary>
    private static string[] NearDuplicates(Random random, int count)
    {
        var documents = new string[count];
        for (var i = 0; i < count; i++)
        {
            if (i == 0 || random.Next(2) == 0)
            {
                documents[i] = string.Join(' ', Enumerable.Range(0, random.Next(60, 200)).Select(_ => $"w{random.Next(5000)}"));
                continue;
            }
            var words = documents[random.Next(i)].Split(' ');
            for (var edits = random.Next(0, 6); edits > 0; edits--)
                words[random.Next(words.Length)] = $"e{random.Next(5000)}";
            documents[i] = string.Join(' ', words) + (random.Next(3) == 0 ? $" x{i}" : $" y{i}");
        }
        return documents;
    }

    private static string[] Run(CorpusStep step, string document) => [.. TextCorpus.FromDocuments([document]).Apply(step)];
}

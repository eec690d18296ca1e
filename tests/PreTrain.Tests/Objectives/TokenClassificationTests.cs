using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class TokenClassificationTests : IDisposable
{
    private static readonly LabelSet s_tags = new(["O", "B-noun", "I-noun", "B-verb", "I-verb"]);
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split([' ', '.', '!', '?', ','], StringSplitOptions.RemoveEmptyEntries).Distinct()];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<string> Tokenizers => ["WordPiece", "Unigram", "Bpe"];

    [Theory]
    [MemberData(nameof(Tokenizers))]
    public void Evaluation_LongTexts_LabelsTheFirstTokenOfEachWordOnce(string kind)
    {
        PipelineTokenizer tokenizer = kind switch { "WordPiece" => MaskingFixture.WordPiece, "Unigram" => MaskingFixture.Unigram, _ => MaskingFixture.Bpe };
        TaggedTexts texts = Texts(12, words: 40);
        int length = 23;
        foreach (TaggedText example in texts.Examples)
        {
            TextWindow[] windows = TextWindow.Cut(tokenizer, example.Text, null, length, 5);
            Assert.True(windows.Length > 2, $"{windows.Length}");
            Assert.All(windows, window => Assert.InRange(window.Ids.Length, 1, length));
            // Slowly: the whole text in one row says which token is a word's first; each row says where it has it.
            TokenEncoding whole = tokenizer.Tokenize(example.Text);
            (int Window, int Token)?[] first = WordPieces.First(windows, example.Words);
            long[][] targets = WordPieces.Targets(windows, example.Words, example.Tags, null);
            for (int w = 0; w < example.Words.Count; w++)
            {
                TokenSpan word = example.Words[w];
                TokenSpan piece = whole.Offsets.ToArray().First(t => t.End > word.Start && t.Start < word.End);
                var (window, token) = first[w]!.Value;
                Assert.Equal(piece, windows[window].Offsets[token]);
                Assert.Equal(example.Tags[w], targets[window][token]);
                int most = windows.Select(row => Array.IndexOf(row.Offsets, piece) is >= 0 and var t ? Math.Min(t, row.Ids.Length - 1 - t) : -1).Max();
                Assert.Equal(most, Math.Min(token, windows[window].Ids.Length - 1 - token));
            }
            Assert.Equal(example.Words.Count, targets.Sum(row => row.Count(target => target != -100)));
        }
    }

    [Fact]
    public void Evaluation_AllPieces_GoOnWithTheTag()
    {
        TaggedText example = new() { Text = "unsupported elements", Words = [new(0, 11), new(12, 20)], Tags = [1, 0] };
        TextWindow[] windows = TextWindow.Cut(MaskingFixture.WordPiece, example.Text, null, 61, 5);
        long[] first = WordPieces.Targets(windows, example.Words, example.Tags, null)[0], all = WordPieces.Targets(windows, example.Words, example.Tags, tag => TagScheme.Continued(s_tags, tag))[0];

        int pieces = windows[0].Offsets.Count(span => span.End > span.Start && span.End <= 11), rest = windows[0].Offsets.Count(span => span.Start >= 12);
        Assert.True(pieces > 1, "the word is one token");
        Assert.Equal([-100, 1, .. Enumerable.Repeat(-100L, pieces - 1), 0, .. Enumerable.Repeat(-100L, rest - 1), -100], first);
        Assert.Equal([-100, 1, .. Enumerable.Repeat(2L, pieces - 1), .. Enumerable.Repeat(0L, rest), -100], all);
    }

    [Fact]
    public void Loss_OfABatch_IsTheMeanOverWordsIn64Bits_AndThatOfItsPieces()
    {
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = Bert();
        model.eval();
        var objective = new TokenClassification(Texts(30), MaskingFixture.WordPiece, new() { ValidationFraction = 0 });
        using IBatchSource source = objective.Open(new(3), model, 7);
        Batch batch = source.Next(TestContext.Current.CancellationToken);

        double expected = 0;
        long words = 0;
        for (int row = 0; row < 7; row++)
        {
            int[] places = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask![i] == 1)];
            double[] logits = Doubles(model.Forward(new() { Ids = tensor(places.Select(i => batch.Inputs[i]).ToArray(), [1, places.Length]), TokenTypeIds = tensor(places.Select(i => batch.TokenTypes![i]).ToArray(), [1, places.Length]) }).Logits);
            for (int t = 0; t < places.Length; t++)
            {
                if (batch.Targets[places[t]] is not (>= 0 and var target)) continue;
                double[] z = logits[(t * 5)..(t * 5 + 5)];
                expected += Math.Log(z.Sum(Math.Exp)) - z[target];
                words++;
            }
        }
        Assert.Equal(words, batch.ValidTargets);
        Assert.Equal(expected / words, objective.Loss(model, batch, words).item<float>(), 1e-5 * expected / words);
        Assert.Equal(expected / words, batch.Split(3).Sum(piece => objective.Loss(model, piece, words).item<float>()), 1e-5 * expected / words);
    }

    [Fact]
    public void Run_TagsThatWordsDecide_AreFoundInHeldOutTexts()
    {
        TaggedTexts texts = Texts(240);
        var objective = new TokenClassification(texts, MaskingFixture.WordPiece, new() { ValidationFraction = 0.2 });
        ITransformerModel model = Bert();
        new Trainer(Tiny.Options(folder["run"]) with { Steps = 150, BatchSize = 16, Tokenizer = MaskingFixture.WordPiece }).Run(model, objective, TestContext.Current.CancellationToken);
        using var finder = new NameFinder(model, MaskingFixture.WordPiece);

        IReadOnlyDictionary<string, double> held = finder.Evaluate(texts.Split(0.2).Validation!, cancellationToken: TestContext.Current.CancellationToken);

        Assert.True(held["f1"] > 0.95, $"f1 {held["f1"]}");
        // The folder of the run, with its labels, in rows of other lengths.
        using NameFinder loaded = NameFinder.FromPretrained(Path.Combine(folder["run"], "model"), contextLength: 24);
        Assert.Equal(s_tags, loaded.Tags);
        Assert.True(loaded.Evaluate(Texts(10, words: 40), cancellationToken: TestContext.Current.CancellationToken)["f1"] > 0.9);
        string text = $"{s_words[0]} {s_words[5]}, {s_words[2]} {s_words[3]}";
        Assert.Equal([("noun", s_words[0]), ("verb", $"{s_words[2]} {s_words[3]}")], loaded.Predict([text], cancellationToken: TestContext.Current.CancellationToken)[0].Names.Select(n => (n.Type, text[n.Start..n.End])));
        Assert.All(loaded.Predict([text], cancellationToken: TestContext.Current.CancellationToken)[0].Names, name => Assert.InRange(name.Probability, 0.3, 1));
    }

    [Fact]
    public void Evaluate_WordsThatShareAToken_AreOneName()
    {
        BertModel model = Bert();
        using (no_grad())
        {
            model.classifier!.weight.zero_();
            model.classifier.bias!.copy_(tensor(s_tags.Names.Select(tag => tag == "B-noun" ? 5f : 0).ToArray()));
        }
        using var finder = new NameFinder(model, MaskingFixture.WordPiece);
        // One token, and two words in it.
        string word = s_words.First(w => w.Length > 3 && MaskingFixture.WordPiece.Encode(w.AsSpan()).Length == 1);
        var texts = new TaggedTexts([new() { Text = word, Words = [new(0, 2), new(2, word.Length)], Tags = [s_tags.Find("B-noun")!.Value, s_tags.Find("I-noun")!.Value] }], s_tags);
        Assert.Equal(1, finder.Evaluate(texts, cancellationToken: TestContext.Current.CancellationToken)["f1"]);
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        using BertModel model = Bert();
        var objective = new TokenClassification(Texts(20), MaskingFixture.WordPiece);
        using IBatchSource whole = objective.Open(new(3), model, 5);
        Batch[] expected = [.. Enumerable.Range(0, 9).Select(_ => whole.Next(TestContext.Current.CancellationToken))];
        using IBatchSource first = objective.Open(new(3), model, 5);
        for (int i = 0; i < 5; i++) first.Next(TestContext.Current.CancellationToken);
        using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(first.State.ToJsonString())!.AsObject());
        foreach (Batch batch in expected[5..])
        {
            Batch next = second.Next(TestContext.Current.CancellationToken);
            Assert.Equal(batch.Inputs, next.Inputs);
            Assert.Equal(batch.Targets, next.Targets);
        }
    }

    [Fact]
    public void Loss_ManyTimes_LeavesNoTensor()
    {
        using BertModel model = Bert();
        var objective = new TokenClassification(Texts(20), MaskingFixture.WordPiece, new() { ValidationFraction = 0.5 });
        Batch batch = objective.Evaluation(model, 5).First();
        objective.Loss(model, batch, 5).Dispose();
        long before = LiveTensors.Count();
        for (int i = 0; i < 5; i++) objective.Loss(model, batch, 5).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Fact]
    public void Open_ModelThatDoesNotFit_IsRefused()
    {
        var objective = new TokenClassification(Texts(20), MaskingFixture.WordPiece);
        string Fault(BertModel model)
        {
            using (model) return Assert.Throws<ArgumentException>(() => objective.Open(new(3), model, 5)).Message;
        }
        Assert.StartsWith("The model's head is MaskedLanguageModel, and a tagging of words needs TokenClassification.", Fault(new BertModel(Config(), ModelHead.MaskedLanguageModel)));
        Assert.StartsWith("The model has 4 labels, and the texts need 5.", Fault(new BertModel(Config() with { LabelCount = 4, Labels = null }, ModelHead.TokenClassification)));
        Assert.StartsWith("The model's labels (a, b, c, d, e) are not those of the texts (O, B-noun,", Fault(new BertModel(Config() with { Labels = new(["a", "b", "c", "d", "e"]) }, ModelHead.TokenClassification)));
        Assert.StartsWith("ContextLength (3) must be at least 4.", Assert.Throws<ArgumentException>(() => new TokenClassification(Texts(20), MaskingFixture.WordPiece, new() { ContextLength = 3 })).Message);
    }

    /// <summary>Texts of common words: two of them are nouns, and two others are a verb where they follow each other.</summary>
    private static TaggedTexts Texts(int count, int words = 9)
    {
        var random = new Random(7);
        return new([.. Enumerable.Range(0, count).Select(_ =>
        {
            var spans = new List<TokenSpan>();
            var tags = new List<int>();
            string text = "";
            while (spans.Count < words)
            {
                int draw = random.Next(8);
                (string Word, int Tag)[] next = draw switch
                {
                    0 => [(s_words[0], 1)],
                    1 => [(s_words[1], 1)],
                    2 => [(s_words[2], 3), (s_words[3], 4)],
                    _ => [(s_words[random.Next(4, s_words.Length)], 0)],
                };
                foreach (var (word, tag) in next)
                {
                    if (text.Length > 0) text += random.Next(4) == 0 ? "  " : " ";
                    spans.Add(new(text.Length, text.Length + word.Length));
                    text += word;
                    tags.Add(tag);
                }
            }
            return new TaggedText { Text = text, Words = spans, Tags = tags };
        })], s_tags);
    }

    private static BertConfig Config() => new()
    {
        VocabSize = MaskingFixture.WordPiece.VocabSize,
        ContextLength = 61,
        LayerCount = 2,
        HeadCount = 2,
        EmbeddingDim = 32,
        FeedForwardDim = 48,
        Dropout = 0,
        AttentionDropout = 0,
        InitializerRange = 0.1,
        LabelCount = 5,
        Labels = s_tags,
    };

    private static BertModel Bert()
    {
        using var generator = new Generator(3);
        return new BertModel(Config(), ModelHead.TokenClassification, generator);
    }
}

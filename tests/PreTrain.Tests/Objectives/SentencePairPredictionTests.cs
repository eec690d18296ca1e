using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Ernie;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class SentencePairPredictionTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly BertConfig s_config = new() { VocabSize = s_tokenizer.VocabSize, ContextLength = 83, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = 0, AttentionDropout = 0 };

    // Sentences of random words, so that no two are alike.
    private static readonly string[] s_words = "the collection number returns unsupported elements reader copy them another waits does writer wait nobody knows whether asynchronous readers cooperate part".Split(' ');
    private static readonly string[] s_documents = [.. Enumerable.Range(0, 50).Select(Document)];

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly BertModel _model;

    public SentencePairPredictionTests()
    {
        _tokens = TokenStore.Build(s_documents, s_tokenizer, _folder.File("tokens"));
        using var generator = new Generator(3);
        _model = new BertModel(s_config, ModelHead.PreTraining, generator);
    }

    public void Dispose()
    {
        _model.Dispose();
        _scope.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    private static string Document(int number)
    {
        var random = new MaskRandom((ulong)number);
        string Sentence() => string.Join(' ', Enumerable.Range(0, 3 + random.Next(6)).Select(_ => s_words[random.Next(s_words.Length)])) + ".!?"[random.Next(3)];
        return string.Join(' ', Enumerable.Range(0, 2 + random.Next(20)).Select(_ => Sentence()));
    }

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    /// <summary>The two segments of a row before it was masked, by its separators.</summary>
    private static (long[] A, long[] B) Segments(Batch batch, int row)
    {
        long[] text = [.. Enumerable.Range(row * batch.Length, batch.Length).Select(i => batch.Targets[i] == CrossEntropy.Ignored ? batch.Inputs[i] : batch.Targets[i])];
        long[] types = batch.TokenTypes![(row * batch.Length)..((row + 1) * batch.Length)];
        int count = (int)(batch.AttentionMask?.Skip(row * batch.Length).Take(batch.Length).Sum() ?? batch.Length), separator = s_tokenizer.SpecialTokens.Separator!.Value;
        int first = Array.IndexOf(text, separator), last = Array.IndexOf(text, separator, first + 1);
        Assert.Equal((count - 1, s_tokenizer.SpecialTokens.Classification), (last, (int?)text[0]));
        Assert.All(types[..(first + 1)], type => Assert.Equal(0, type));
        Assert.All(types[(first + 1)..count], type => Assert.Equal(1, type));
        return (text[1..first], text[(first + 1)..last]);
    }

    [Theory]
    [InlineData(SentencePairTask.NextSentence, 0)]
    [InlineData(SentencePairTask.SentenceOrder, 0)]
    [InlineData(SentencePairTask.NextSentence, 0.3)]
    [InlineData(SentencePairTask.SentenceOrder, 0.3)]
    public void Next_Pairs_AreWhatTheirLabelSays(SentencePairTask task, double shortShare)
    {
        long[][] documents = [.. s_documents.Select(text => MaskingFixture.Encode(s_tokenizer, text))];
        using IBatchSource source = new SentencePairPrediction(_tokens, s_tokenizer, new() { Task = task, ShortShare = shortShare }).Open(new(3), _model, 5);
        int strange = 0, atSentences = 0, rows = 0, full = 0;
        bool EndsSentence(long id) => s_tokenizer.IdToToken((int)id) is "." or "!" or "?";
        foreach (Batch batch in Draw(source, 60))
        {
            Assert.InRange(batch.Length, 5, 83);
            for (int row = 0; row < 5; row++, rows++)
            {
                var (a, b) = Segments(batch, row);
                Assert.True(a.Length > 0 && b.Length > 0);
                bool Is(long[] text) => documents.Any(document => document.AsSpan().IndexOf(text) >= 0);
                Assert.True(Is(a) && Is(b), "A segment is not from a document.");
                if (batch.Labels![row] == 0) Assert.True(Is([.. a, .. b]), "The second segment does not follow the first.");
                else if (task == SentencePairTask.SentenceOrder) Assert.True(Is([.. b, .. a]), "The segments are not exchanged.");
                else if (a.Length + b.Length > 10) Assert.False(Is([.. a, .. b]), "The second segment is said not to follow.");
                strange += (int)batch.Labels[row];
                var (earlier, later) = task == SentencePairTask.SentenceOrder && batch.Labels[row] == 1 ? (b, a) : (a, b);
                if (EndsSentence(earlier[^1])) atSentences++;
                else if (task == SentencePairTask.SentenceOrder) Assert.DoesNotContain(earlier.Concat(later[..^1]), EndsSentence);
                if (a.Length + b.Length > 40) full++;
            }
        }
        Assert.InRange(strange / (double)rows, 0.4, 0.6);
        Assert.True(atSentences > rows / 2, $"{atSentences} of {rows} first segments end with a sentence.");
        Assert.True(full > rows / 3, $"{full} of {rows} rows are long.");
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        var objective = new SentencePairPrediction(_tokens, s_tokenizer);
        using IBatchSource whole = objective.Open(new(3), _model, 5);
        Batch[] expected = Draw(whole, 60);   // several epochs
        for (int stop = 0; stop < 60; stop += 17)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), _model, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), _model, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Batch[] actual = Draw(second, 60 - stop);
            Assert.Equal(expected[stop..].Select(batch => batch.Inputs), actual.Select(batch => batch.Inputs));
            Assert.Equal(expected[stop..].Select(batch => batch.Labels), actual.Select(batch => batch.Labels));
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("ernie")]
    public void Loss_OfABatch_IsThatOfBothHeads(string family)
    {
        using nn.Module module = family == "bert"
            ? new BertModel(s_config, ModelHead.PreTraining)
            : new ErnieModel(new ErnieConfig { VocabSize = s_config.VocabSize, ContextLength = 83, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = 0, AttentionDropout = 0 }, ModelHead.PreTraining);
        var model = (ISentencePairModel)module;
        var objective = new SentencePairPrediction(_tokens, s_tokenizer, new() { ValidationFraction = 0.2 });
        Batch batch = objective.Evaluation(model, 5).First();

        double loss = objective.Loss(model, batch, batch.ValidTargets).item<float>();

        Tensor Rows(long[] values) => tensor(values, [batch.Rows, batch.Length]);
        ModelOutput output = model.Forward(new() { Ids = Rows(batch.Inputs), AttentionMask = batch.AttentionMask is { } mask ? Rows(mask) : null, TokenTypeIds = Rows(batch.TokenTypes!) });
        double tokens = nn.functional.cross_entropy(output.Logits.view(-1, model.VocabSize), tensor(batch.Targets), ignore_index: CrossEntropy.Ignored).item<float>();
        double pairs = nn.functional.cross_entropy(output.SecondLogits!, tensor(batch.Labels!)).item<float>();
        Assert.Equal(tokens + pairs, loss, 1e-5);
        Assert.Equal(loss / 2, objective.Loss(model, batch, batch.ValidTargets * 2).item<float>(), 1e-5);
    }

    [Fact]
    public void Run_ABert_Learns()
    {
        var objective = new SentencePairPrediction(_tokens, s_tokenizer, new() { Task = SentencePairTask.SentenceOrder });
        TrainingResult result = new Trainer(new() { Output = _folder.File("run"), Steps = 30, BatchSize = 8, LearningRate = 5e-3, WarmupSteps = 2 }).Run(_model, objective, TestContext.Current.CancellationToken);

        Assert.True(result.TrainLoss < Math.Log(s_tokenizer.VocabSize) + Math.Log(2) - 0.5, $"The loss is {result.TrainLoss}.");
        Assert.NotNull(result.ValidationLoss);
        Assert.Equal(ModelHead.PreTraining, AutoModelHead());

        ModelHead AutoModelHead()
        {
            using ITransformerModel loaded = AutoModel.FromPretrained(result.ModelFolder);
            return loaded.Head;
        }
    }

    [Fact]
    public void Open_InputsThatDoNotFit_Throws()
    {
        var objective = new SentencePairPrediction(_tokens, s_tokenizer);
        using var masked = new BertModel(s_config);

        Assert.StartsWith("The model has the head MaskedLanguageModel; pairs and tokens together need PreTraining.", Assert.Throws<ArgumentException>(() => objective.Open(new(3), masked, 5)).Message);
        Assert.StartsWith("A model with the head MaskedLanguageModel does not predict tokens and pairs",
            Assert.Throws<InvalidOperationException>(() => masked.PairLoss(new(), zeros(1), zeros(1), 1, 1)).Message);
        Assert.Equal("A context of 4 tokens leaves no room for two segments between the three tokens around them. Use a longer one.",
            Assert.Throws<ArgumentException>(() => new SentencePairPrediction(_tokens, s_tokenizer, new() { ContextLength = 4 }).Open(new(3), _model, 5)).Message);
        Assert.Equal("ShortShare (1.5) must be from 0 to 1.", Assert.Throws<ArgumentException>(() => new SentencePairPrediction(_tokens, s_tokenizer, new() { ShortShare = 1.5 })).Message);
        Assert.Throws<ArgumentException>(() => objective.Open(new(3), _model, 5, new JsonObject { ["epoch"] = 0L, ["position"] = 10_000L }));
        Assert.Contains("was made by another tokenizer", Assert.Throws<ArgumentException>(() => new SentencePairPrediction(_tokens, MaskingFixture.Bpe)).Message);
    }

    [Fact]
    public void Open_OneDocument_HasNoStrangersToDrawFrom()
    {
        using TokenStore one = TokenStore.Build([string.Join(' ', s_documents)], s_tokenizer, _folder.File("one"), cancellationToken: TestContext.Current.CancellationToken);
        var streams = new PreTrain.Torch.RandomStreams(5);

        var e = Assert.Throws<CorpusException>(() => new SentencePairPrediction(one, s_tokenizer, new() { Task = SentencePairTask.NextSentence }).Open(streams, _model, 2));
        Assert.Equal($"The token store '{one.Folder}' has one document to train on; a segment that does not follow must come from another one. Add documents, or predict the order of sentences.", e.Message);
        using IBatchSource order = new SentencePairPrediction(one, s_tokenizer, new() { Task = SentencePairTask.SentenceOrder }).Open(streams, _model, 2);
        Assert.Equal(2, Draw(order, 1)[0].Rows);
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Objectives;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class SequenceClassificationTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split(' ').Distinct()];
    private static readonly LabelSet s_labels = new(["first", "second", "third"]);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<ClassificationTask, double, double, bool> Losses => new()
    {
        { ClassificationTask.SingleLabel, 0, 0, false },
        { ClassificationTask.SingleLabel, 0, 0, true },
        { ClassificationTask.SingleLabel, 0.3, 0, true },
        { ClassificationTask.SingleLabel, 0, 2.5, false },
        { ClassificationTask.SingleLabel, 0.2, 1, true },
        { ClassificationTask.MultiLabel, 0, 0, false },
        { ClassificationTask.MultiLabel, 0.3, 0, true },
        { ClassificationTask.MultiLabel, 0, 2.5, true },
        { ClassificationTask.Regression, 0, 0, false },
    };

    [Theory]
    [MemberData(nameof(Losses))]
    public void Loss_OfABatch_IsTheFormulasIn64Bits_AndThatOfItsPieces(ClassificationTask task, double smoothing, double gamma, bool weighted)
    {
        using DisposeScope scope = NewDisposeScope();
        double[] weights = weighted ? [0.5, 2, 1.25] : [1, 1, 1];
        LabelledTexts texts = Texts(task, pairs: true);
        var objective = new SequenceClassification(texts, s_tokenizer, new() { ValidationFraction = 0, ClassWeights = weighted ? weights : null, LabelSmoothing = smoothing, FocalGamma = gamma });
        BertModel model = Bert(task);
        model.eval();
        using IBatchSource source = objective.Open(new(3), model, 7);
        Batch batch = source.Next(TestContext.Current.CancellationToken);

        // The rows as drawn, found by their tokens, one after the other through the model.
        double expected = 0;
        for (int row = 0; row < 7; row++)
        {
            long[] ids = [.. batch.Inputs[(row * batch.Length)..((row + 1) * batch.Length)].Where((_, t) => batch.AttentionMask is null || batch.AttentionMask[row * batch.Length + t] == 1)];
            LabelledText example = texts.Examples.First(e => Encode(e).Ids.ToArray().Select(id => (long)id).SequenceEqual(ids));
            TokenEncoding encoding = Encode(example);
            Tensor logits = model.Forward(new() { Ids = tensor(ids, [1, ids.Length]), TokenTypeIds = tensor(encoding.TypeIds.ToArray().Select(t => (long)t).ToArray(), [1, ids.Length]) }).Logits;
            expected += Reference(task, Doubles(logits), example, weights, smoothing, gamma);
        }
        Assert.Equal(task == ClassificationTask.MultiLabel ? 21 : 7, batch.ValidTargets);
        Assert.Equal(expected / 5, objective.Loss(model, batch, 5).item<float>(), 1e-5 * Math.Abs(expected));
        IReadOnlyList<Batch> pieces = batch.Split(3);
        Assert.Equal(batch.ValidTargets, pieces.Sum(piece => piece.ValidTargets));
        Assert.Equal(expected / 5, pieces.Sum(piece => objective.Loss(model, piece, 5).item<float>()), 1e-5 * Math.Abs(expected));
    }

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(0.1, 0.0)]
    [InlineData(0.0, 1.0)]
    public void Loss_OfASureModel_HasAFiniteGradient(double smoothing, double gamma)
    {
        foreach (ClassificationTask task in new[] { ClassificationTask.SingleLabel, ClassificationTask.MultiLabel })
        {
            using DisposeScope scope = NewDisposeScope();
            var objective = new SequenceClassification(Texts(task), s_tokenizer, new() { ValidationFraction = 0, LabelSmoothing = smoothing, FocalGamma = gamma });
            BertModel model = Bert(task);
            using (no_grad()) model.classifier!.bias!.copy_(tensor([300f, -300f, 0f]));
            using IBatchSource source = objective.Open(new(3), model, 7);
            Tensor loss = objective.Loss(model, source.Next(TestContext.Current.CancellationToken), 7);
            loss.backward();
            Assert.True(float.IsFinite(loss.item<float>()));
            Assert.All(model.parameters().Where(p => p.grad is not null), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
        }
    }

    [Theory]
    [InlineData(ClassificationTask.SingleLabel)]
    [InlineData(ClassificationTask.MultiLabel)]
    [InlineData(ClassificationTask.Regression)]
    public void Run_TaskThatAWordDecides_IsLearnedForHeldOutTexts(ClassificationTask task)
    {
        using BertModel model = Bert(task);
        var objective = new SequenceClassification(Texts(task, count: 240), s_tokenizer, new() { ValidationFraction = 0.2 });
        TrainingResult result = new Trainer(Options("run") with { Steps = 150, BatchSize = 16 }).Run(model, objective, TestContext.Current.CancellationToken);
        double untrained = task switch { ClassificationTask.SingleLabel => Math.Log(3), ClassificationTask.MultiLabel => Math.Log(2), _ => 2.0 / 3 };
        Assert.True(result.ValidationLoss < 0.15 * untrained, $"{result.ValidationLoss} of {untrained}");
    }

    [Fact]
    public void Run_LoraCrashedThenResumed_SavesTheAdapterOfTheUninterrupted()
    {
        var objective = new SequenceClassification(Texts(ClassificationTask.SingleLabel), s_tokenizer);
        Train("a", 3);
        Assert.Throws<TimeoutException>(() => Train("b", 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b", 5);
        foreach (string file in new[] { "adapter_config.json", "adapter_model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));
        Assert.False(File.Exists(Path.Combine(folder["a"], "model", "model.safetensors")));
        Assert.Equal(Tiny.Metrics(folder["a"]), Tiny.Metrics(folder["b"]));

        void Train(string output, ulong seed, params ITrainingCallback[] callbacks)
        {
            using BertModel model = Bert(ClassificationTask.SingleLabel, dropout: 0.2);
            using var generator = new Generator(seed);
            using var adapter = new LoraAdapter(model, new LoraOptions { Rank = 3, Dropout = 0.1, Trained = ["classifier.*", "pooler.*"] }, generator: generator);
            byte[] frozen = Bytes(model.encoder.token_embedding);
            new Trainer(Options(output) with { Weights = adapter, Resume = Directory.Exists(folder[output]), Callbacks = callbacks }).Run(model, objective, TestContext.Current.CancellationToken);
            Assert.Equal(frozen, Bytes(model.encoder.token_embedding));

            // A model that was not trained computes the same with the saved adapter.
            using BertModel fresh = Bert(ClassificationTask.SingleLabel);
            fresh.eval();
            Batch batch = objective.Evaluation(model, 5).First();
            using IDisposable mode = no_grad();
            float before = Loss(fresh, batch);
            using var loaded = LoraAdapter.FromPretrained(fresh, Path.Combine(folder[output], "model"));
            Assert.Equal(Loss(model, batch), Loss(fresh, batch));
            Assert.NotEqual(before, Loss(fresh, batch));
        }

        float Loss(BertModel model, Batch batch)
        {
            using Tensor loss = objective.Loss(model, batch, 5);
            return loss.item<float>();
        }
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        using BertModel model = Bert(ClassificationTask.SingleLabel);
        var objective = new SequenceClassification(Texts(ClassificationTask.SingleLabel), s_tokenizer);
        using IBatchSource whole = objective.Open(new(3), model, 5);
        Batch[] expected = Draw(whole, 20);
        for (int stop = 0; stop < 20; stop += 3)
        {
            using IBatchSource first = objective.Open(new(3), model, 5);
            Draw(first, stop);
            using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(first.State.ToJsonString())!.AsObject());
            Batch[] actual = Draw(second, 20 - stop);
            Assert.Equal(expected[stop..].Select(batch => batch.Inputs), actual.Select(batch => batch.Inputs));
            Assert.Equal(expected[stop..].Select(batch => batch.Targets), actual.Select(batch => batch.Targets));
        }
        using IBatchSource other = objective.Open(new(4), model, 5);
        Assert.NotEqual(expected.Select(batch => batch.Targets), Draw(other, 20).Select(batch => batch.Targets));
    }

    [Fact]
    public void Next_Pairs_HaveTypesWhereTheModelKnowsThem_AndKeepTheLength()
    {
        var objective = new SequenceClassification(Texts(ClassificationTask.SingleLabel, pairs: true), s_tokenizer, new() { ContextLength = 6 });
        using BertModel bert = Bert(ClassificationTask.SingleLabel);
        using IBatchSource source = objective.Open(new(3), bert, 5);
        Batch batch = Draw(source, 1)[0];
        Assert.Equal(6, batch.Length);
        Assert.Contains(1L, batch.TokenTypes!);

        using var distil = new DistilBertModel(new() { VocabSize = s_tokenizer.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, LabelCount = 3 }, ModelHead.SequenceClassification);
        using IBatchSource untyped = objective.Open(new(3), distil, 5);
        Batch other = Draw(untyped, 1)[0];
        Assert.Equal(batch.Inputs, other.Inputs);
        Assert.Null(other.TokenTypes);
        using Tensor loss = objective.Loss(distil, other, 5);
        Assert.True(float.IsFinite(loss.item<float>()));
    }

    [Fact]
    public void Loss_ManyTimes_LeavesNoTensor()
    {
        using BertModel model = Bert(ClassificationTask.MultiLabel);
        var objective = new SequenceClassification(Texts(ClassificationTask.MultiLabel), s_tokenizer, new() { FocalGamma = 2 });
        Batch batch = objective.Evaluation(model, 5).First();
        objective.Loss(model, batch, 5).Dispose();
        long before = LiveTensors.Count();
        for (int i = 0; i < 5; i++) objective.Loss(model, batch, 5).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Fact]
    public void Constructor_OptionsThatDoNotFit_AreRefused()
    {
        string Fault(ClassificationTask task, SequenceClassificationOptions options) => Assert.Throws<ArgumentException>(() => new SequenceClassification(Texts(task), s_tokenizer, options)).Message;
        Assert.Equal("ContextLength (0) must be at least 1. ValidationFraction (1) must be at least 0 and below 1. ClassWeights (1, 0) must be positive. LabelSmoothing (1) must be at least 0 and below 1. FocalGamma (0.5) must be 0 or at least 1.",
            Fault(ClassificationTask.SingleLabel, new() { ContextLength = 0, ValidationFraction = 1, ClassWeights = [1, 0], LabelSmoothing = 1, FocalGamma = 0.5 }));
        Assert.StartsWith("ClassWeights has 2 values, and there are 3 labels; give one for each.", Fault(ClassificationTask.SingleLabel, new() { ClassWeights = [1, 2] }));
        Assert.StartsWith("ClassWeights, LabelSmoothing and FocalGamma are for classes, and the task is Regression; leave them out.", Fault(ClassificationTask.Regression, new() { FocalGamma = 2 }));
    }

    [Fact]
    public void Open_ModelThatDoesNotFit_IsRefused()
    {
        var objective = new SequenceClassification(Texts(ClassificationTask.SingleLabel), s_tokenizer);
        string Fault(BertConfig config, ModelHead head = ModelHead.SequenceClassification)
        {
            using var model = new BertModel(config, head);
            return Assert.Throws<ArgumentException>(() => objective.Open(new(3), model, 5)).Message;
        }
        Assert.StartsWith("The model's head is MaskedLanguageModel, and a classification needs SequenceClassification. Create the model with it.", Fault(Config(3, 0), ModelHead.MaskedLanguageModel));
        Assert.StartsWith("The model has 4 labels, and the texts need 3. Create the model with LabelCount = 3.", Fault(Config(4, 0)));
        Assert.StartsWith($"The tokenizer's vocabulary ({s_tokenizer.VocabSize}) exceeds the model's (29). Use the model's tokenizer.", Fault(Config(3, 0) with { VocabSize = 29 }));
    }

    /// <summary>The formulas as they stand in the papers, term by term.</summary>
    [Fact]
    public void New_OneLabelWhereEachTextHasOne_IsRefused()
    {
        LabelledText[] texts = [new() { Text = "a", Labels = [0] }, new() { Text = "b", Labels = [0] }];
        Assert.StartsWith("The labels of the texts (only) must be at least two where each text has one: there is nothing to tell apart.",
            Assert.Throws<ArgumentException>(() => new SequenceClassification(new(texts, new(["only"])), s_tokenizer)).Message);
        _ = new SequenceClassification(new(texts, new(["only"]), ClassificationTask.MultiLabel), s_tokenizer, new() { ValidationFraction = 0 });
        Assert.StartsWith("Labels (only) must be at least two", Assert.Throws<ArgumentException>(() => LabelledTexts.FromFiles(new() { Labels = new(["only"]) }, "a.csv")).Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void CutTexts_RowsOfTenTokens_AreCountedByHand(bool pairs)
    {
        LabelledTexts texts = Texts(ClassificationTask.SingleLabel, pairs);
        using BertModel model = Bert(ClassificationTask.SingleLabel);
        int expected = texts.Examples.Count(example => Encode(example).Count > 10);
        Assert.InRange(expected, 1, texts.Count - 1);
        Assert.Equal(expected, new SequenceClassification(texts, s_tokenizer, new() { ContextLength = 10 }).CutTexts(model));
        Assert.Equal(0, new SequenceClassification(texts, s_tokenizer).CutTexts(model));
    }

    private static double Reference(ClassificationTask task, double[] z, LabelledText example, double[] weights, double smoothing, double gamma)
    {
        if (task == ClassificationTask.Regression) return (z[0] - example.Value) * (z[0] - example.Value);
        double loss = 0, sum = z.Sum(Math.Exp);
        for (int k = 0; k < z.Length; k++)
        {
            double p = task == ClassificationTask.SingleLabel ? Math.Exp(z[k]) / sum : 1 / (1 + Math.Exp(-z[k]));
            double y = example.Labels.Contains(k) ? 1 : 0;
            y = task == ClassificationTask.SingleLabel ? (1 - smoothing) * y + smoothing / z.Length : (1 - smoothing) * y + smoothing / 2;
            loss -= weights[k] * y * Math.Pow(1 - p, gamma) * Math.Log(p);
            if (task == ClassificationTask.MultiLabel) loss -= weights[k] * (1 - y) * Math.Pow(p, gamma) * Math.Log(1 - p);
        }
        return loss;
    }

    /// <summary>Texts of common words, among which one or two of three tell the labels: a number is +1 or −1, or 0 for the last.</summary>
    private static LabelledTexts Texts(ClassificationTask task, bool pairs = false, int count = 60)
    {
        string[] fillers = s_words[3..];
        string Words(int seed, int many) => string.Join(' ', Enumerable.Range(0, many).Select(i => fillers[(seed * 31 + i * 17 + seed / 7) % fillers.Length]));
        LabelledText Example(int i)
        {
            int first = i % 3, second = i / 3 % 3;
            string text = $"{Words(i, i % 4 + 1)} {s_words[first]} {Words(i + 1000, i % 5)}";
            int[] labels = task == ClassificationTask.MultiLabel ? [.. new[] { first, second }.Distinct()] : [first];
            if (task == ClassificationTask.MultiLabel) text += " " + s_words[second];
            return new() { Text = text, Pair = pairs ? Words(i + 2000, i % 3 + 2) : null, Labels = task == ClassificationTask.Regression ? [] : labels, Value = first switch { 0 => 1, 1 => -1, _ => 0 } };
        }
        return new([.. Enumerable.Range(0, count).Select(Example)], task == ClassificationTask.Regression ? null : s_labels, task);
    }

    private static TokenEncoding Encode(LabelledText example) => s_tokenizer.Tokenize(example.Text, example.Pair);

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    private static BertConfig Config(int labels, double dropout) => new()
    {
        VocabSize = s_tokenizer.VocabSize,
        ContextLength = 61,
        LayerCount = 2,
        HeadCount = 2,
        EmbeddingDim = 32,
        FeedForwardDim = 48,
        Dropout = dropout,
        AttentionDropout = dropout,
        InitializerRange = 0.1,
        LabelCount = labels,
    };

    private static BertModel Bert(ClassificationTask task, double dropout = 0)
    {
        using var generator = new Generator(3);
        return new BertModel(Config(task == ClassificationTask.Regression ? 1 : 3, dropout), ModelHead.SequenceClassification, generator);
    }

    private TrainingOptions Options(string output) => Tiny.Options(folder[output]);
}

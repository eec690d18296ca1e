using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

/// <summary>Objectives around a classification against their formulas in 64 bits, their resumption, and what is done with data.</summary>
[Collection(nameof(RunsAlone))]
public sealed class RobustTrainingTests : IDisposable
{
    private static readonly SequenceClassification s_inner = new(AdapterTests.Texts(), MaskingFixture.WordPiece);
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string> Objectives => ["r-drop", "mixup", "generalized-cross-entropy", "small-loss-selection", "augmented"];

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(ClassificationTask.SingleLabel)]
    [InlineData(ClassificationTask.MultiLabel)]
    public void Loss_OfRDrop_IsBothLossesAndTheDivergences(ClassificationTask task)
    {
        using DisposeScope scope = NewDisposeScope();
        LabelledTexts texts = task == ClassificationTask.SingleLabel ? AdapterTests.Texts() : new([.. AdapterTests.Texts().Examples.Select((e, i) => e with { Labels = i % 2 == 0 ? e.Labels : [] })], AdapterTests.Texts().Labels, task);
        var inner = new SequenceClassification(texts, MaskingFixture.WordPiece);
        var objective = new RDrop(inner, 0.7);
        using BertModel model = AdapterTests.Bert(dropout: 0.3);
        model.train();
        Batch batch = Draw(inner, model, 1)[0];
        manual_seed(5);
        double[] one = Doubles(inner.Scores(model, batch)), other = Doubles(inner.Scores(model, batch));
        double expected = 0;
        for (int row = 0; row < batch.Rows; row++)
        {
            double[] z = one[(row * 3)..(row * 3 + 3)], w = other[(row * 3)..(row * 3 + 3)];
            for (int k = 0; k < 3; k++)
            {
                double p = Probability(z, k), q = Probability(w, k);
                bool yes = task == ClassificationTask.SingleLabel ? batch.Targets[row] == k : batch.Targets[row * 3 + k] == 1;
                if (task == ClassificationTask.SingleLabel)
                {
                    if (yes) expected -= Math.Log(p) + Math.Log(q);
                    expected += 0.7 / 2 * (p * Math.Log(p / q) + q * Math.Log(q / p));
                }
                else
                {
                    expected -= yes ? Math.Log(p) + Math.Log(q) : Math.Log(1 - p) + Math.Log(1 - q);
                    expected += 0.7 / 2 * (p * Math.Log(p / q) + q * Math.Log(q / p) + (1 - p) * Math.Log((1 - p) / (1 - q)) + (1 - q) * Math.Log((1 - q) / (1 - p)));
                }
            }
        }
        manual_seed(5);
        Assert.Equal(expected / 4, objective.Loss(model, batch, 4).item<float>(), 1e-5 * expected);
        model.eval();
        Assert.Equal(inner.Loss(model, batch, 4).item<float>(), objective.Loss(model, batch, 4).item<float>());

        double Probability(double[] z, int k) => task == ClassificationTask.SingleLabel ? Math.Exp(z[k]) / z.Sum(Math.Exp) : 1 / (1 + Math.Exp(-z[k]));
    }

    [Fact]
    public void Loss_OfMixup_IsThatOfMixedRepresentations()
    {
        using DisposeScope scope = NewDisposeScope();
        var objective = new EmbeddingMixup(s_inner, 0.4);
        using BertModel model = AdapterTests.Bert();
        model.train();   // there is no dropout
        Batch batch = Draw(objective, model, 3)[2];
        var (share, order) = objective.Draw(batch);
        Assert.InRange(share, 1e-9, 1 - 1e-9);
        Assert.NotEqual(Enumerable.Range(0, 5), order);

        // The pooled vectors themselves are mixed, and go through the classifier.
        Tensor mask = tensor(batch.AttentionMask!, [5, batch.Length]);
        Tensor pooled = model.Forward(new() { Ids = tensor(batch.Inputs, [5, batch.Length]), AttentionMask = mask, TokenTypeIds = tensor(batch.TokenTypes!, [5, batch.Length]) }).Pooled!;
        double[] z = Doubles(model.classifier!.forward(pooled * share + pooled.index_select(0, tensor(order.Select(r => (long)r).ToArray())) * (1 - share)));
        double expected = 0;
        for (int row = 0; row < 5; row++)
        {
            double sum = z[(row * 3)..(row * 3 + 3)].Sum(Math.Exp);
            expected -= share * Math.Log(Math.Exp(z[row * 3 + batch.Targets[row]]) / sum) + (1 - share) * Math.Log(Math.Exp(z[row * 3 + batch.Targets[order[row]]]) / sum);
        }
        Assert.Equal(expected / 2, objective.Loss(model, batch, 2).item<float>(), 1e-5 * expected);
        Assert.False(objective.CanSplit);
    }

    [Theory]
    [InlineData(0.4)]
    [InlineData(1.0)]
    [InlineData(3.5)]
    public void Draw_OfMixup_IsBetaDistributed(double alpha)
    {
        var objective = new EmbeddingMixup(s_inner, alpha);
        var batch = new Batch { Inputs = [], Targets = [], Rows = 2, Length = 0, ValidTargets = 0 };
        const int Count = 20_000;
        double[] shares = [.. Enumerable.Range(0, Count).Select(i => objective.Draw(batch with { Seed = i * 7919L }).Share)];
        // Beta(α, α): mean 1/2, variance 1 / (4·(2α + 1)); the fourth central moment bounds the error of the latter.
        double variance = 1 / (4 * (2 * alpha + 1)), kurtosis = 3 - 6 / (2 * alpha + 3);
        Assert.Equal(0.5, shares.Average(), 4 * Math.Sqrt(variance / Count));
        Assert.Equal(variance, shares.Average(s => (s - 0.5) * (s - 0.5)), 4 * variance * Math.Sqrt((kurtosis - 1) / Count));
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(1.0)]
    public void Loss_OfGeneralizedCrossEntropy_IsTheFormula(double q)
    {
        using DisposeScope scope = NewDisposeScope();
        var objective = new GeneralizedCrossEntropy(s_inner, q);
        using BertModel model = AdapterTests.Bert();
        model.train();
        Batch batch = Draw(objective, model, 1)[0];
        double[] z = Doubles(s_inner.Scores(model, batch));
        double expected = Enumerable.Range(0, 5).Sum(row => (1 - Math.Pow(Math.Exp(z[row * 3 + batch.Targets[row]]) / z[(row * 3)..(row * 3 + 3)].Sum(Math.Exp), q)) / q);
        Assert.Equal(expected / 2, objective.Loss(model, batch, 2).item<float>(), 1e-5 * expected);
        Assert.Equal(expected / 2, batch.Split(2).Sum(piece => objective.Loss(model, piece, 2).item<float>()), 1e-5 * expected);
    }

    [Fact]
    public void Loss_OfSmallLossSelection_IsThatOfTheTextsThatAreLearned()
    {
        using DisposeScope scope = NewDisposeScope();
        var objective = new SmallLossSelection(s_inner, 0.4, rampBatches: 4);
        using BertModel model = AdapterTests.Bert();
        model.train();
        Batch[] batches = Draw(objective, model, 6);
        Assert.Equal([4, 4, 4, 3, 3, 3], batches.Select(objective.KeptOf));   // 5·(1 − 0.4·(1/4, 2/4, 3/4, 1, 1, 1))
        foreach (Batch batch in batches)
        {
            double[] z = Doubles(s_inner.Scores(model, batch));
            double[] losses = [.. Enumerable.Range(0, 5).Select(row => -Math.Log(Math.Exp(z[row * 3 + batch.Targets[row]]) / z[(row * 3)..(row * 3 + 3)].Sum(Math.Exp))).Order()];
            int kept = objective.KeptOf(batch);
            Assert.Equal(losses[..kept].Average() * 5 / 2, objective.Loss(model, batch, 2).item<float>(), 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Run_CrashedThenResumed_EndsAsTheUninterrupted(string name)
    {
        IObjective<ITransformerModel> objective = Create(name);
        Train("a");
        Assert.Throws<TimeoutException>(() => Train("b", new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b");
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["b"], "model", "model.safetensors")));
        Assert.Equal(Tiny.Metrics(folder["a"]), Tiny.Metrics(folder["b"]));

        void Train(string output, params ITrainingCallback[] callbacks)
        {
            using BertModel model = AdapterTests.Bert(dropout: 0.2);
            new Trainer(Tiny.Options(folder[output]) with { Resume = Directory.Exists(folder[output]), Callbacks = callbacks }).Run(model, objective, TestContext.Current.CancellationToken);
        }
    }

    [Theory]
    [MemberData(nameof(Objectives))]
    public void Loss_ManyTimes_LeavesNoTensor(string name)
    {
        IObjective<ITransformerModel> objective = Create(name);
        using BertModel model = AdapterTests.Bert(dropout: 0.2);
        model.train();
        Batch batch = Draw(objective, model, 1)[0];
        objective.Loss(model, batch, 5).Dispose();
        long before = LiveTensors.Count();
        for (int i = 0; i < 5; i++) objective.Loss(model, batch, 5).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    [Fact]
    public void State_OfNumberedBatches_ResumesWithTheNextSeed()
    {
        var objective = new EmbeddingMixup(s_inner);
        using BertModel model = AdapterTests.Bert();
        long[] seeds = [.. Draw(objective, model, 6).Select(b => b.Seed)];
        Assert.Equal(6, seeds.Distinct().Count());
        using IBatchSource first = objective.Open(new(3), model, 5);
        for (int i = 0; i < 4; i++) first.Next(TestContext.Current.CancellationToken);
        using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(first.State.ToJsonString())!.AsObject());
        Assert.Equal(seeds[4], second.Next(TestContext.Current.CancellationToken).Seed);
        Assert.Throws<ArgumentException>(() => objective.Open(new(3), model, 5, new JsonObject { ["batch"] = 1 }));
    }

    [Fact]
    public void Open_AugmentedAndResampled_ChangesWhatIsLearnedAlone()
    {
        LabelledTexts texts = new([.. AdapterTests.Texts().Examples.Where((e, i) => e.Labels[0] == 0 || i % 5 == 0)], AdapterTests.Texts().Labels);
        using BertModel model = AdapterTests.Bert();
        var plain = new SequenceClassification(texts, MaskingFixture.WordPiece, new() { ValidationFraction = 0.2 });
        var changed = new SequenceClassification(texts, MaskingFixture.WordPiece, new() { ValidationFraction = 0.2, Sampling = ClassSampling.Oversample, Augmentation = new() { DeletionRate = 0.3 }, AugmentedShare = 1 });
        Assert.Equal(plain.Evaluation(model, 5).Select(b => string.Join(' ', b.Inputs)), changed.Evaluation(model, 5).Select(b => string.Join(' ', b.Inputs)));
        Batch[] epoch = Draw(changed, model, 12);
        int[] counts = [.. Enumerable.Range(0, 3).Select(label => epoch.Sum(b => b.Targets.Count(t => t == label)))];
        Assert.True(counts.Min() > 12, string.Join(", ", counts));
        Assert.Equal(epoch.Select(b => string.Join(' ', b.Inputs)), Draw(changed, model, 12).Select(b => string.Join(' ', b.Inputs)));
        HashSet<string> whole = [.. texts.Examples.Select(e => string.Join(' ', MaskingFixture.WordPiece.Tokenize(e.Text).Ids.ToArray()))];
        Assert.True(epoch.SelectMany(Rows).Count(row => !whole.Contains(row)) > 30);
        Assert.All(Draw(plain, model, 12).SelectMany(Rows), row => Assert.Contains(row, whole));

        static IEnumerable<string> Rows(Batch b) => Enumerable.Range(0, b.Rows).Select(r => string.Join(' ', Enumerable.Range(0, b.Length).Where(t => b.AttentionMask is null || b.AttentionMask[r * b.Length + t] == 1).Select(t => b.Inputs[r * b.Length + t])));
    }

    [Fact]
    public void Label_SureAndUnsure_TakesTheSurestOfEachClass()
    {
        using BertModel model = AdapterTests.Bert();
        model.train();
        string[] texts = [.. AdapterTests.Texts().Examples.Select(e => e.Text)];
        using DisposeScope scope = NewDisposeScope();
        model.eval();
        using IDisposable mode = no_grad();
        (int Label, double Probability)[] all = [.. texts.Select(text =>
        {
            long[] ids = [.. MaskingFixture.WordPiece.Tokenize(text).Ids.ToArray().Select(id => (long)id)];
            double[] z = Doubles(model.Forward(new() { Ids = tensor(ids, [1, ids.Length]) }).Logits);
            int best = Array.IndexOf(z, z.Max());
            return (best, Math.Exp(z[best]) / z.Sum(Math.Exp));
        })];
        double threshold = all.Select(a => a.Probability).Order().ElementAt(30) - 1e-6;
        IReadOnlyList<LabelledText> sure = PseudoLabelling.Label(model, MaskingFixture.WordPiece, texts, new() { Threshold = threshold, BatchSize = 7 });
        int[] expected = [.. Enumerable.Range(0, 60).Where(i => all[i].Probability >= threshold)];
        Assert.Equal(30, expected.Length);
        Assert.Equal(expected.Select(i => (texts[i], all[i].Label)), sure.Select(s => (s.Text, s.Labels[0])));
        IReadOnlyList<LabelledText> few = PseudoLabelling.Label(model, MaskingFixture.WordPiece, texts, new() { Threshold = threshold, MostOfClass = 2 });
        Assert.Equal(expected.GroupBy(i => all[i].Label).SelectMany(g => g.OrderByDescending(i => all[i].Probability).Take(2)).Order().Select(i => texts[i]), few.Select(s => s.Text));
    }

    [Fact]
    public void Run_OfPseudoLabelling_LearnsFromWhatNobodyLabelled()
    {
        LabelledTexts all = AdapterTests.Texts(150), few = new([.. all.Examples.Take(30)], all.Labels);
        string[] others = [.. all.Examples.Skip(30).Select(e => e.Text)];
        var trainedOn = new List<int>();
        var (texts, taken) = PseudoLabelling.Run(few, others, MaskingFixture.WordPiece, (round, known) =>
        {
            trainedOn.Add(known.Count);
            BertModel model = AdapterTests.Bert();
            new Trainer(Tiny.Options(folder[$"round-{round}"], steps: 60) with { BatchSize = 16 }).Run(model, new SequenceClassification(known, MaskingFixture.WordPiece, new() { ValidationFraction = 0 }), TestContext.Current.CancellationToken);
            return model;
        }, new() { Threshold = 0.6 });
        Assert.Equal([30, 30 + taken[0]], trainedOn);
        Assert.Equal(30 + taken[1], texts.Count);
        Assert.True(taken[1] > 60, string.Join(", ", taken));
        Dictionary<string, int> truth = all.Examples.GroupBy(e => e.Text).ToDictionary(g => g.Key, g => g.First().Labels[0]);
        Assert.True(texts.Examples.Skip(30).Average(e => truth[e.Text] == e.Labels[0] ? 1.0 : 0) > 0.9);
    }

    [Fact]
    public void Run_OfPseudoLabellingWithAnEmptyText_IsRefusedBeforeItTrains() =>
        Assert.StartsWith("Text 1 is empty; leave it out.", Assert.Throws<ArgumentException>(() => PseudoLabelling.Run(AdapterTests.Texts(30), ["a", " "], MaskingFixture.WordPiece, (_, _) => throw new TimeoutException("trained"))).Message);

    [Theory]
    [InlineData(4, false)]
    [InlineData(3, true)]
    public void Folds_OfTexts_AreStratifiedAndKeepGroups(int k, bool grouped)
    {
        LabelledText[] examples = [.. Enumerable.Range(0, 97).Select(i => new LabelledText { Text = $"text {i}", Labels = [i % 10 == 0 ? 2 : i % 3 == 0 ? 1 : 0], Group = grouped ? $"g{i / 4}" : null })];
        var texts = new LabelledTexts(examples, new(["a", "b", "c"]));
        IReadOnlyList<Fold> folds = CrossValidation.Folds(texts, k, seed: 5);
        Assert.Equal(examples.Select(e => e.Text).Order(), folds.SelectMany(f => f.Test.Examples).Select(e => e.Text).Order());
        foreach (Fold fold in folds)
        {
            Assert.Equal(97, fold.Train.Count + fold.Test.Count);
            Assert.Empty(fold.Train.Examples.Select(e => e.Text).Intersect(fold.Test.Examples.Select(e => e.Text)));
            if (grouped) Assert.Empty(fold.Train.Examples.Select(e => e.Group).Intersect(fold.Test.Examples.Select(e => e.Group)));
            for (int label = 0; label < 3; label++)
            {
                double share = examples.Count(e => e.Labels[0] == label) / (double)k;
                Assert.InRange(fold.Test.Examples.Count(e => e.Labels[0] == label), Math.Floor(share) - (grouped ? 4 : 0), Math.Ceiling(share) + (grouped ? 4 : 0));
            }
        }
        Assert.Equal(folds[0].Test.Fingerprint, CrossValidation.Folds(texts, k, 5)[0].Test.Fingerprint);
        Assert.NotEqual(folds[0].Test.Fingerprint, CrossValidation.Folds(texts, k, 6)[0].Test.Fingerprint);
        Assert.StartsWith("folds (98) must be at most the", Assert.Throws<ArgumentException>(() => CrossValidation.Folds(texts, 98)).Message);
    }

    [Fact]
    public void Run_OfCrossValidation_HasMeanAndDeviation()
    {
        double[] scores = [2, 4, 4, 4, 5, 5, 7, 9];
        CrossValidationResult result = CrossValidation.Run(AdapterTests.Texts(), 8, fold => scores[fold.Number]);
        Assert.Equal(scores, result.Scores);
        Assert.Equal(5, result.Mean);
        Assert.Equal(Math.Sqrt(32.0 / 7), result.Deviation, 1e-12);
    }

    [Fact]
    public void Constructor_WhatDoesNotFit_IsRefused()
    {
        var numbers = new SequenceClassification(new([.. AdapterTests.Texts().Examples.Select(e => e with { Labels = [], Value = 1 })], null, ClassificationTask.Regression), MaskingFixture.WordPiece);
        string Fault(Action create) => Assert.Throws<ArgumentException>(create).Message;
        Assert.StartsWith("alpha (0) must be positive.", Fault(() => new RDrop(s_inner, 0)));
        Assert.StartsWith("R-Drop compares distributions over classes, and the task is Regression.", Fault(() => new RDrop(numbers)));
        Assert.StartsWith("alpha (-1) must be positive.", Fault(() => new EmbeddingMixup(s_inner, -1)));
        Assert.StartsWith("q (1.5) must be above 0 and at most 1.", Fault(() => new GeneralizedCrossEntropy(s_inner, 1.5)));
        Assert.StartsWith("noiseRate (1) must be above 0 and below 1.", Fault(() => new SmallLossSelection(s_inner, 1)));
        Assert.Equal("Threshold (0) must be above 0 and at most 1. Rounds (0) must be at least 1.", Fault(() => new PseudoLabellingOptions { Threshold = 0, Rounds = 0 }.Validate()));
    }

    private static IObjective<ITransformerModel> Create(string name) => name switch
    {
        "r-drop" => new RDrop(s_inner),
        "mixup" => new EmbeddingMixup(s_inner),
        "generalized-cross-entropy" => new GeneralizedCrossEntropy(s_inner),
        "small-loss-selection" => new SmallLossSelection(s_inner, 0.3, 6),
        _ => new SequenceClassification(AdapterTests.Texts(), MaskingFixture.WordPiece, new() { Augmentation = new(), Sampling = ClassSampling.Oversample }),
    };

    private static Batch[] Draw(IObjective<ITransformerModel> objective, BertModel model, int count)
    {
        using IBatchSource source = objective.Open(new(3), model, 5);
        return [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];
    }
}

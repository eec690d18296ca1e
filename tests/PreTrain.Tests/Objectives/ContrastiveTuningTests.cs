using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class ContrastiveTuningTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split(' ').Distinct(StringComparer.OrdinalIgnoreCase).Where(word => !word.Any(char.IsDigit)).Take(24)];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false, 0, 0.05)]
    [InlineData(false, 2, 0.3)]
    [InlineData(true, 0, 0.1)]
    [InlineData(true, 1, 0.05)]
    public void Loss_OfABatch_IsInfoNceIn64Bits(bool symmetric, int negatives, double temperature)
    {
        using DisposeScope scope = NewDisposeScope();
        // The last two examples have the positive of the first, and the anchor of the second.
        ContrastiveText[] all =
        [
            .. Enumerable.Range(0, 4).Select(i => new ContrastiveText(s_words[i], s_words[i + 4], [.. Enumerable.Range(0, negatives).Select(k => s_words[8 + 4 * k + i])])),
            new(s_words[20], s_words[4], []), new(s_words[1], s_words[21], []),
        ];
        using SentenceEncoder model = Encoder();
        model.eval();
        var objective = new ContrastiveTuning(new(all), s_tokenizer, new() { Temperature = temperature, IsSymmetric = symmetric, ValidationFraction = 0 });
        using IBatchSource source = objective.Open(new(3), model, 6);
        Batch batch = source.Next(TestContext.Current.CancellationToken);
        Assert.Equal((12 + 4 * negatives, 6L), (batch.Rows, batch.ValidTargets));

        string[] anchors = [.. all.Select(e => e.Anchor)], positives = [.. all.Select(e => e.Positive)], candidates = [.. positives, .. all.SelectMany(e => e.Negatives)];
        var vectors = anchors.Concat(candidates).Distinct().ToDictionary(text => text, text => model.Embed(s_tokenizer, [text])[0].Select(x => (double)x).ToArray());
        double forth = Reference(anchors, candidates, (i, j) => candidates[j] == anchors[i] || all.Any(e => e.Anchor == anchors[i] && e.Positive == candidates[j]));
        double back = Reference(positives, anchors, (i, j) => anchors[j] == positives[i] || all.Any(e => e.Positive == positives[i] && e.Anchor == anchors[j]));
        double expected = symmetric ? (forth + back) / 2 : forth;
        Assert.Equal(expected / 5, objective.Loss(model, batch, 5).item<float>(), 2e-5 * expected);
        Assert.False(((IObjective<SentenceEncoder>)objective).CanSplit);

        double Reference(string[] queries, string[] among, Func<int, int, bool> same)
        {
            double sum = 0;
            for (int i = 0; i < 6; i++)
            {
                double[] scores = [.. among.Select(text => Cosine(vectors[queries[i]], vectors[text]) / temperature)];
                double most = scores.Max();
                sum += most + Math.Log(scores.Where((_, j) => j == i || !same(i, j)).Sum(score => Math.Exp(score - most))) - scores[i];
            }
            return sum;
        }
    }

    [Fact]
    public void Loss_TextsWithThemselves_DifferByDropoutAlone()
    {
        using DisposeScope scope = NewDisposeScope();
        using SentenceEncoder model = Encoder(dropout: 0.2);
        var objective = new ContrastiveTuning(ContrastiveTexts.FromTexts([.. s_words.Take(6), "", s_words[0]]), s_tokenizer, new() { ValidationFraction = 0 });
        using IBatchSource source = objective.Open(new(3), model, 6);
        Batch batch = source.Next(TestContext.Current.CancellationToken);
        Assert.Equal(batch.Inputs[..(batch.Inputs.Length / 2)], batch.Inputs[(batch.Inputs.Length / 2)..]);
        model.train();
        Tensor vectors = model.Forward(new() { Ids = tensor(batch.Inputs, [12, batch.Length]), AttentionMask = batch.AttentionMask is { } mask ? tensor(mask, [12, batch.Length]) : null });
        float alike = (vectors.narrow(0, 0, 6) * vectors.narrow(0, 6, 6)).sum([1]).max().item<float>();
        Assert.InRange(alike, 0.1f, 0.999f);   // two dropouts
        Tensor loss = objective.Loss(model, batch, 6);
        loss.backward();
        Assert.All(model.parameters().Where(p => p.grad is not null), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
        Assert.True(loss.item<float>() > 0);
    }

    [Fact]
    public void Run_WordsThatBelongTogether_AreFound_AndTheRunResumes()
    {
        var pairs = new ContrastiveTexts([.. Enumerable.Range(0, 12).Select(i => new ContrastiveText(s_words[i], s_words[i + 12], []))]);
        using SentenceEncoder model = Encoder();
        Assert.True(Recall(model) < 0.7);
        var objective = new ContrastiveTuning(pairs, s_tokenizer, new() { ValidationFraction = 0 });
        TrainingOptions options = Tiny.Options(folder["run"], steps: 60) with { BatchSize = 12, LearningRate = 3e-3, EvaluateEvery = 0, CheckpointEvery = 25 };
        Assert.Throws<TimeoutException>(() => new Trainer(options with { Callbacks = [new Tiny.AfterStep((_, step) => { if (step.Step == 30) throw new TimeoutException("killed"); })] }).Run(model, objective, TestContext.Current.CancellationToken));
        using SentenceEncoder again = Encoder();
        new Trainer(options with { Resume = true }).Run(again, objective, TestContext.Current.CancellationToken);
        using SentenceEncoder whole = Encoder();
        new Trainer(options with { Output = folder["whole"] }).Run(whole, objective, TestContext.Current.CancellationToken);
        Assert.Equal(File.ReadAllBytes(folder["whole/model/model.safetensors"]), File.ReadAllBytes(folder["run/model/model.safetensors"]));
        Assert.Equal(1, Recall(again));
        using SentenceEncoder saved = SentenceEncoder.FromPretrained(folder["run/model"]);
        Assert.Equal(1, Recall(saved));

        double Recall(SentenceEncoder encoder)
        {
            var index = new EmbeddingIndex(encoder.Embed(s_tokenizer, [.. pairs.Examples.Select(e => e.Positive)]));
            IReadOnlyList<float[]> queries = encoder.Embed(s_tokenizer, [.. pairs.Examples.Select(e => e.Anchor)]);
            return new RetrievalScores([.. Enumerable.Range(0, 12).Select(i => (IReadOnlySet<int>)new HashSet<int> { i })], [.. index.SearchAll(queries, 5).Select(hits => hits.Select(hit => hit.Index).ToArray())]).RecallAt(1);
        }
    }

    [Fact]
    public void SimilarityTuning_OfABatch_IsTheSquaredErrorOfCosinesIn64Bits()
    {
        using DisposeScope scope = NewDisposeScope();
        LabelledTexts pairs = new([.. Enumerable.Range(0, 5).Select(i => new LabelledText { Text = s_words[i], Pair = s_words[i + 6], Value = (i - 2) / 4.0 })], null, ClassificationTask.Regression);
        using SentenceEncoder model = Encoder();
        model.eval();
        var objective = new SimilarityTuning(pairs, s_tokenizer, 0);
        using IBatchSource source = objective.Open(new(3), model, 5);
        double expected = pairs.Examples.Sum(pair => Math.Pow(Cosine(Vector(pair.Text), Vector(pair.Pair!)) - pair.Value, 2));
        Assert.Equal(expected / 5, objective.Loss(model, source.Next(TestContext.Current.CancellationToken), 5).item<float>(), 1e-5 * expected);

        double[] Vector(string text) => [.. model.Embed(s_tokenizer, [text])[0].Select(x => (double)x)];
    }

    [Fact]
    public void Open_StateOfASource_GoesOnWhereItWas()
    {
        var texts = ContrastiveTexts.FromTexts(s_words);
        using SentenceEncoder model = Encoder();
        var objective = new ContrastiveTuning(texts, s_tokenizer, new() { ValidationFraction = 0.25 });
        using IBatchSource first = objective.Open(new(5), model, 4);
        for (int i = 0; i < 3; i++) first.Next(TestContext.Current.CancellationToken);
        JsonObject state = JsonNode.Parse(first.State.ToJsonString())!.AsObject();
        long[][] expected = [.. Enumerable.Range(0, 4).Select(_ => first.Next(TestContext.Current.CancellationToken).Inputs)];
        using IBatchSource resumed = objective.Open(new(5), model, 4, state);
        Assert.Equal(expected, Enumerable.Range(0, 4).Select(_ => resumed.Next(TestContext.Current.CancellationToken).Inputs));
        Assert.Equal((6, 12), (objective.Validation!.Count, objective.Evaluation(model, 4).Sum(batch => batch.Rows)));
    }

    [Fact]
    public void New_WhatDoesNotFit_SaysWhat()
    {
        var texts = ContrastiveTexts.FromTexts(s_words);
        using SentenceEncoder model = Encoder();
        Said("Temperature (0) must be positive.", () => new ContrastiveTuning(texts, s_tokenizer, new() { Temperature = 0 }));
        Said("The batch size (1) must be at least 2", () => new ContrastiveTuning(texts, s_tokenizer, new() { ValidationFraction = 0 }).Open(new(1), model, 1));
        Said("There is 1 example to learn from, and an anchor is told from others", () => new ContrastiveTuning(ContrastiveTexts.FromTexts(["a"]), s_tokenizer, new() { ValidationFraction = 0 }).Open(new(1), model, 4));
        var single = new LabelledTexts([new() { Text = "a", Value = 0.5 }], null, ClassificationTask.Regression);
        Said("these are single texts of Regression", () => new SimilarityTuning(single, s_tokenizer));
        var large = new LabelledTexts([new() { Text = "a", Pair = "b", Value = 4.5 }], null, ClassificationTask.Regression);
        Said("The value 4.5 of 'a' must be from -1 to 1", () => new SimilarityTuning(large, s_tokenizer));

        static void Said(string expected, Action action) => Assert.Contains(expected, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);
    }

    private static double Cosine(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x));

    private static SentenceEncoder Encoder(double dropout = 0)
    {
        using var generator = new Generator(3);
        var config = new BertConfig { VocabSize = s_tokenizer.VocabSize, ContextLength = 43, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = dropout, InitializerRange = 0.2 };
        return new SentenceEncoder(new BertModel(config, ModelHead.None, generator));
    }
}

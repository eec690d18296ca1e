using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Distillation;

[Collection(DefaultGenerator.Name)]
public sealed class ClassifierDistillationTests : IDisposable
{
    private const double T = 1.7;
    private static readonly BertConfig s_config = new() { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 23, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.3, LabelCount = 4 };

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static BertModel Classifier(ulong seed, int labels = 4)
    {
        using var generator = new Generator(seed);
        return new BertModel(s_config with { LabelCount = labels }, ModelHead.SequenceClassification, generator);
    }

    private static double[][] Logits(BertModel model, Batch batch) =>
        [.. Doubles(model.Forward(BatchTensors.Of(batch, CPU).Input).Logits).Chunk(model.Config.LabelCount)];

    private static double Soft(BertModel student, BertModel teacher, Batch batch) =>
        new Distillation<nn.Module>(teacher, new DistillationTests.Plain<nn.Module>(), new() { Alpha = 0, Temperature = T }).Loss(student, batch, batch.Targets.Length).item<float>();

    [Fact]
    public void Loss_Classes_IsTheDivergenceOfEachText()
    {
        using BertModel student = Classifier(1), teacher = Classifier(2);
        Batch batch = DistillationTests.Tokens() with { Targets = [0, 3, 1], ValidTargets = 3 };

        double actual = Soft(student, teacher, batch);

        double[] Softmax(double[] scores) => [.. scores.Select(s => Math.Exp(s / T) / scores.Sum(x => Math.Exp(x / T)))];
        double expected = T * T * Logits(student, batch).Zip(Logits(teacher, batch), (own, theirs) => Softmax(theirs).Zip(Softmax(own), (p, q) => p * Math.Log(p / q)).Sum()).Sum() / 3;
        Assert.True(expected > 1e-3);
        Assert.Equal(expected, actual, 2e-5);
    }

    [Fact]
    public void Loss_SeveralLabels_IsTheDivergenceOfEachYesAndNo()
    {
        using BertModel student = Classifier(1), teacher = Classifier(2);
        Batch batch = DistillationTests.Tokens() with { Targets = [0, 1, 1, 0, 1, 0, 0, 0, 1, 1, 1, 1], ValidTargets = 12 };

        double actual = Soft(student, teacher, batch);

        double Yes(double score) => 1 / (1 + Math.Exp(-score / T));
        double Kl(double p, double q) => p * Math.Log(p / q) + (1 - p) * Math.Log((1 - p) / (1 - q));
        double expected = T * T * Logits(student, batch).SelectMany(row => row).Zip(Logits(teacher, batch).SelectMany(row => row), (own, theirs) => Kl(Yes(theirs), Yes(own))).Sum() / 12;
        Assert.True(expected > 1e-3);
        Assert.Equal(expected, actual, 2e-5);
    }

    [Fact]
    public void Loss_Numbers_IsTheSquaredError()
    {
        using BertModel student = Classifier(1, labels: 1), teacher = Classifier(2, labels: 1);
        Batch batch = DistillationTests.Tokens() with { Targets = [0, 0, 0], ValidTargets = 3, Values = [1, 2, 3] };

        double actual = Soft(student, teacher, batch);

        double expected = Logits(student, batch).Zip(Logits(teacher, batch), (own, theirs) => Math.Pow(own[0] - theirs[0], 2)).Sum() / 3;
        Assert.True(expected > 1e-3);
        Assert.Equal(expected, actual, 2e-5);
    }

    [Fact]
    public void Loss_ClassifiersThatDoNotFit_SaysWhatDiffers()
    {
        using BertModel student = Classifier(1), teacher = Classifier(2, labels: 5);
        Batch batch = DistillationTests.Tokens() with { Targets = [0, 3, 1], ValidTargets = 3 };
        Assert.Contains("scores 4 labels and the teacher 5", Assert.Throws<ArgumentException>(() => Soft(student, teacher, batch)).Message);
        Assert.Contains("the batch has 2 for each text", Assert.Throws<ArgumentException>(() => Soft(student, student, batch with { Targets = [0, 1, 0, 1, 0, 1] })).Message);
    }

    [Fact]
    public void Run_ClassifierOfATeacher_LearnsWhatItSays()
    {
        string[] words = ["red", "green", "blue", "seven", "eight", "nine"];
        var random = new Random(3);
        LabelledText[] examples = [.. Enumerable.Range(0, 90).Select(_ => random.Next(2)).Select(label => new LabelledText { Text = string.Join(' ', Enumerable.Range(0, 4).Select(_ => words[3 * label + random.Next(3)])), Labels = [label] })];
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainWordPiece(examples.Select(e => e.Text), new() { VocabSize = 60 }, cancellation: TestContext.Current.CancellationToken);
        var texts = new LabelledTexts(examples, new LabelSet(["colour", "number"]));
        BertConfig config = s_config with { VocabSize = tokenizer.VocabSize, LabelCount = 2 };
        using var generator = new Generator(5);
        using BertModel teacher = new(config with { LayerCount = 2 }, ModelHead.SequenceClassification, generator), student = new(config, ModelHead.SequenceClassification, generator);
        TrainingOptions options = Tiny.Options(_folder.File("teacher"), 30) with { BatchSize = 9 };
        var inner = new SequenceClassification(texts, tokenizer, new() { ValidationFraction = 0.2 });
        new Trainer(options).Run(teacher, inner, TestContext.Current.CancellationToken);
        using LogitCache cache = LogitCache.Open(_folder.File("cache"), teacher, inner.Describe(), new() { TopK = 2 });
        double before = inner.Evaluate(student, cancellationToken: TestContext.Current.CancellationToken)!.Loss;

        TrainingResult result = new Trainer(options with { Output = _folder.File("student") }).Run(student,
            new Distillation<ITransformerModel>([new(teacher) { Cache = cache }], inner, new() { Alpha = 0 }), TestContext.Current.CancellationToken);

        Assert.True(result.ValidationLoss < before / 2, $"The loss was {before} and is {result.ValidationLoss}.");
        Assert.True(cache.Hits > 100 && cache.Count <= 72, $"{cache.Hits} hits, {cache.Count} texts.");
    }
}

using PreTrain.Checkpoints;
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

[Collection(nameof(RunsAlone))]
public sealed class MultiTaskModelTests : IDisposable
{
    private static readonly LabelledTexts s_classes = AdapterTests.Texts(90);
    private static readonly LabelledTexts s_numbers = new([.. s_classes.Examples.Select(e => e with { Labels = [], Value = e.Labels[0] - 1 })], null, ClassificationTask.Regression);
    private static readonly SequenceClassification s_ofClasses = new(s_classes, MaskingFixture.WordPiece), s_ofNumbers = new(s_numbers, MaskingFixture.WordPiece);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_OfATask_CountsAsTheFormulaSays(bool learned)
    {
        using DisposeScope scope = NewDisposeScope();
        using MultiTaskModel model = Model(learned);
        model.train();
        if (learned) using (no_grad()) model.log_variances!.copy_(tensor([0.7f, -0.4f]));
        foreach (var (objective, inner, outputs, s, weight) in new[] { (Classes, s_ofClasses, 3, 0.7, 0.25), (Numbers, s_ofNumbers, 1, -0.4, 2.0) })
        {
            using IBatchSource source = objective.Open(new(3), model, 5);
            Batch batch = source.Next(TestContext.Current.CancellationToken);
            Tensor pooled = ((BertModel)model.Encoder).Forward(new() { Ids = tensor(batch.Inputs, [5, batch.Length]), AttentionMask = tensor(batch.AttentionMask!, [5, batch.Length]), TokenTypeIds = tensor(batch.TokenTypes!, [5, batch.Length]) }).Pooled!;
            var head = (PreTrain.Modules.Projection)model.named_modules().Single(m => m.name == "head_" + objective.Name).module;
            double[] z = Doubles(head.forward(pooled));
            double loss = 0;
            for (int row = 0; row < 5; row++)
                loss += outputs == 1 ? Math.Pow(z[row] - batch.Values![row], 2) : Math.Log(z[(row * 3)..(row * 3 + 3)].Sum(Math.Exp)) - z[row * 3 + batch.Targets[row]];
            double expected = learned ? Math.Exp(-s) * loss * (outputs == 1 ? 0.5 : 1) + 5 * s / 2 : weight * loss;
            Assert.Equal(expected / 4, objective.Loss(model, batch, 4).item<float>(), 1e-4);
            Assert.Equal(expected / 4, batch.Split(2).Sum(piece => objective.Loss(model, piece, 4).item<float>()), 1e-4);
            model.eval();
            Assert.Equal(loss / 4, objective.Loss(model, batch, 4).item<float>(), 1e-4);
            model.train();
        }
    }

    [Fact]
    public void Run_OnAMixture_LearnsAllTasksAndTheirWeights()
    {
        using MultiTaskModel model = Model(learned: true);
        var objective = new ObjectiveMixture<MultiTaskModel>((0.6, Classes), (0.4, Numbers));
        new Trainer(Tiny.Options(folder["run"], steps: 150) with { BatchSize = 16, EvaluateEvery = 0 }).Run(model, objective, TestContext.Current.CancellationToken);
        Assert.True(Classes.Evaluate(model, cancellationToken: TestContext.Current.CancellationToken)!.Loss < 0.3, $"{Classes.Evaluate(model, cancellationToken: TestContext.Current.CancellationToken)!.Loss}");
        Assert.True(Numbers.Evaluate(model, cancellationToken: TestContext.Current.CancellationToken)!.Loss < 0.3, $"{Numbers.Evaluate(model, cancellationToken: TestContext.Current.CancellationToken)!.Loss}");
        Assert.All(model.Weights.Values, weight => Assert.NotEqual(1, weight));
        Assert.True(model.Weights["numbers"] > 1);   // a task that is known is sure

        // One folder, which an encoder can be loaded from too.
        using MultiTaskModel loaded = MultiTaskModel.FromPretrained(folder["run/model"]);
        loaded.eval();
        Assert.Equal(model.Weights, loaded.Weights);
        Assert.Equal(model.ToConfigJson().ToJsonString(), loaded.ToConfigJson().ToJsonString());
        using Tensor ids = tensor(new long[] { 2, 17, 9, 3 }, [1, 4]);
        using IDisposable mode = no_grad();
        foreach (MultiTaskHead task in model.Tasks)
        {
            using Tensor one = model.Forward(task.Name, new() { Ids = ids }), other = loaded.Forward(task.Name, new() { Ids = ids });
            Assert.Equal(Bytes(one), Bytes(other));
        }
        using BertModel encoder = BertModel.FromPretrained(folder["run/model"]);
        Assert.Equal(ModelHead.None, encoder.Head);
    }

    [Fact]
    public void Run_CrashedThenResumed_EndsAsTheUninterrupted()
    {
        Train("a");
        Assert.Throws<TimeoutException>(() => Train("b", new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b");
        foreach (string file in new[] { "model.safetensors", "heads.safetensors", "heads.json" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));
        Assert.Equal(Tiny.Metrics(folder["a"]), Tiny.Metrics(folder["b"]));

        void Train(string output, params ITrainingCallback[] callbacks)
        {
            using MultiTaskModel model = Model(learned: true, dropout: 0.2);
            new Trainer(Tiny.Options(folder[output]) with { Resume = Directory.Exists(folder[output]), Callbacks = callbacks })
                .Run(model, new ObjectiveMixture<MultiTaskModel>((0.5, Classes), (0.5, Numbers)), TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void Constructor_WhatDoesNotFit_IsRefused()
    {
        using BertModel headed = AdapterTests.Bert();
        string Fault(Func<MultiTaskModel> create) => Assert.Throws<ArgumentException>(create).Message;
        Assert.StartsWith("The encoder must be one without a head, and this is a bert with SequenceClassification; load it with ModelHead.None.", Fault(() => new(headed, [new("a", 1)])));
        using MultiTaskModel model = Model(false);
        Assert.StartsWith("The name of a task ('a.b') must be of letters, digits and _.", Fault(() => new(model.Encoder, [new("a.b", 1)])));
        Assert.StartsWith("The outputs of the task 'a' (0) must be at least 1.", Fault(() => new(model.Encoder, [new("a", 0)])));
        Assert.StartsWith("The weight of the task 'a' (0) must be positive.", Fault(() => new(model.Encoder, [new("a", 1, 0)])));
        Assert.StartsWith("The task 'a' occurs twice.", Fault(() => new(model.Encoder, [new("a", 1), new("a", 2)])));
        Assert.StartsWith("There is no task 'other'; the model has classes, numbers.", Assert.Throws<ArgumentException>(() => new TaskClassification("other", s_ofClasses).Open(new(3), model, 5)).Message);
        Assert.StartsWith("The model has 1 labels, and the texts need 3.", Assert.Throws<ArgumentException>(() => new TaskClassification("numbers", s_ofClasses).Open(new(3), model, 5)).Message);
        Directory.CreateDirectory(folder["empty"]);
        Assert.Contains("heads.json", Assert.Throws<CheckpointException>(() => MultiTaskModel.FromPretrained(folder["empty"])).Message);
    }

    private static TaskClassification Classes => new("classes", s_ofClasses);

    private static TaskClassification Numbers => new("numbers", s_ofNumbers);

    private static MultiTaskModel Model(bool learned, double dropout = 0)
    {
        using var generator = new Generator(3);
        var config = new BertConfig { VocabSize = MaskingFixture.WordPiece.VocabSize, ContextLength = 61, LayerCount = 2, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, Dropout = dropout, AttentionDropout = dropout, InitializerRange = 0.1 };
        return new MultiTaskModel(new BertModel(config, ModelHead.None, generator), [MultiTaskHead.Of("classes", s_classes, 0.25), MultiTaskHead.Of("numbers", s_numbers, 2)], learned, generator);
    }
}

using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

[Collection(nameof(RunsAlone))]
public sealed class FewShotTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Fit_OfPrototypes_GivesTheSoftmaxOfSquaredDistances()
    {
        using BertModel model = AdapterTests.Bert(dropout: 0.3);
        LabelledTexts support = AdapterTests.Texts(23);
        model.train();
        long before = LiveTensors.Count();
        PrototypicalHead.Fit(model, MaskingFixture.WordPiece, support, batchSize: 5);
        Assert.Equal(before, LiveTensors.Count());
        Assert.True(model.training);
        Assert.Null(model.classifier!.Transform);
        model.eval();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        double[][] pooled = [.. support.Examples.Select(e => Pooled(e.Text))];
        double[][] prototypes = [.. Enumerable.Range(0, 3).Select(k => Enumerable.Range(0, 32).Select(c => pooled.Where((_, i) => support.Examples[i].Labels[0] == k).Average(p => p[c])).ToArray())];
        foreach (LabelledText query in AdapterTests.Texts(60).Examples.Skip(40))
        {
            double[] x = Pooled(query.Text), scores = [.. prototypes.Select(c => Math.Exp(-c.Zip(x, (a, b) => (a - b) * (a - b)).Sum()))];
            double[] actual = Doubles(nn.functional.softmax(Output(query.Text).Logits, 1));
            for (int k = 0; k < 3; k++) Assert.Equal(scores[k] / scores.Sum(), actual[k], 1e-4);
        }

        ModelOutput Output(string text)
        {
            long[] ids = [.. MaskingFixture.WordPiece.Tokenize(text).Ids.ToArray().Select(id => (long)id)];
            return model.Forward(new() { Ids = tensor(ids, [1, ids.Length]) });
        }

        double[] Pooled(string text) => Doubles(Output(text).Pooled!);
    }

    [Fact]
    public void Fit_WhatDoesNotFit_IsRefused()
    {
        using BertModel model = AdapterTests.Bert();
        string Fault(ITransformerModel given, LabelledTexts texts) => Assert.Throws<ArgumentException>(() => PrototypicalHead.Fit(given, MaskingFixture.WordPiece, texts)).Message;
        LabelledTexts two = new([.. AdapterTests.Texts().Examples.Where(e => e.Labels[0] < 2)], new(["a", "b"]));
        Assert.StartsWith("The model has 3 labels, and the examples 2; create it with LabelCount = 2.", Fault(model, two));
        Assert.StartsWith("The label 'third' has no example", Fault(model, new(two.Examples, AdapterTests.Texts().Labels)));
        using var named = new BertModel(model.Config with { Labels = new(["second", "first", "third"]) }, ModelHead.SequenceClassification);
        Assert.StartsWith("The labels of the examples (", Fault(named, AdapterTests.Texts()));
        using var gpt = new GptModel(Tiny.Even with { VocabSize = MaskingFixture.WordPiece.VocabSize, LabelCount = 3 }, ModelHead.SequenceClassification);
        Assert.StartsWith("The head of a gpt2 model has no bias", Fault(gpt, AdapterTests.Texts()));
        using var adapter = new LoraAdapter(model, new LoraOptions { Targets = ["classifier"], Trained = [] });
        Assert.StartsWith("The head computes with a LowRankTransform; take the adapter away first.", Fault(model, AdapterTests.Texts()));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_WithReptile_GoesAPartOfTheWayOfEachTask(Precision precision)
    {
        // The same batches without it lead to W; with it, to φ + ε·(W − φ), where ε is 0.5 in the first and 0.25 in the second task.
        using GptModel start = Tiny.Model(Tiny.Even), plain = Tiny.Model(Tiny.Even), meta = Tiny.Model(Tiny.Even);
        var after = new List<double[]>();
        Run(plain, "plain", precision, 3);
        Run(meta, "meta", precision, 6, new Reptile(3, rate: 0.5), new Tiny.AfterStep((run, step) =>
        {
            if (step.Step % 3 == 0) after.Add(Doubles(run.Parameters.Master));
        }));
        double[] phi = Flat(start), w = Flat(plain), first = Flatten(after[0], meta);
        for (int i = 0; i < phi.Length; i++) Assert.Equal(phi[i] + 0.5 * (w[i] - phi[i]), first[i], 1e-6);
        Assert.NotEqual(after[0], after[1]);

        double[] Flat(GptModel model) => [.. model.parameters().SelectMany(p => Doubles(p))];

        // The parameters in their own order, out of the flat buffer.
        static double[] Flatten(double[] flat, GptModel model)
        {
            using var parameters = new FlatParameters(model, Precision.Float32);
            Dictionary<string, ParameterRange> ranges = parameters.Ranges.ToDictionary(r => r.Name);
            return [.. model.named_parameters().SelectMany(p => flat[(int)ranges[p.name].Start..(int)(ranges[p.name].Start + ranges[p.name].Count)])];
        }
    }

    [Fact]
    public void Run_WithReptile_EvaluatesTheWeightsThatStay()
    {
        using GptModel meta = Tiny.Model(Tiny.Even);
        double[] evaluated = [];
        Run(meta, "meta", Precision.Float32, 6, new Tiny.AfterEvaluation(_ => evaluated = Values()), new Reptile(3, rate: 0.5));
        Assert.Equal(Values(), evaluated);

        double[] Values() => [.. meta.parameters().SelectMany(p => Doubles(p))];
    }

    [Fact]
    public void Run_WithReptileCrashedWithinATask_EndsAsTheUninterrupted()
    {
        using GptModel a = Tiny.Model(Tiny.Even), b = Tiny.Model(Tiny.Even), c = Tiny.Model(Tiny.Even);
        Run(a, "a", Precision.Float32, 12, new Reptile(3));
        // Its last checkpoint is that of step 5, two steps into a task.
        Assert.Throws<TimeoutException>(() => Run(b, "b", Precision.Float32, 12, new Reptile(3), new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        string[] Held(string run) => [.. Directory.EnumerateFiles(folder[run], "reptile.safetensors", SearchOption.AllDirectories).Select(path => Path.GetFileName(Path.GetDirectoryName(path)!))];
        Assert.Equal(["step-000005"], Held("b"));
        Run(c, "b", Precision.Float32, 12, new Reptile(3));
        Assert.Equal(File.ReadAllBytes(folder["a/model/model.safetensors"]), File.ReadAllBytes(folder["b/model/model.safetensors"]));
        Assert.Equal(Held("a"), Held("b"));
        Assert.StartsWith("Steps (4) must be a multiple of InnerSteps (3)", Assert.Throws<ArgumentException>(() => Run(a, "c", Precision.Float32, 4, new Reptile(3))).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Reptile(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Reptile(2, 1.5));
    }

    [Fact]
    public void Run_WithReptileWhereStepsAreLeftOut_IsRefused()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        string Fault(Func<TrainingOptions, TrainingOptions> with) => Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), with(Tiny.Options(folder["refused"], steps: 6) with { Overwrite = true, Callbacks = [new Reptile(3)] }))).Message;
        Assert.StartsWith("Faults leaves out steps", Fault(o => o with { Faults = new() { NotFinite = FaultPolicy.Skip } }));
        Assert.StartsWith("Average would be that of the weights within tasks", Fault(o => o with { Average = new() }));
    }

    [Fact]
    public void Run_WithReptileResumedWithOtherSteps_IsRefused()
    {
        using GptModel a = Tiny.Model(Tiny.Even), b = Tiny.Model(Tiny.Even);
        Assert.Throws<TimeoutException>(() => Run(a, "a", Precision.Float32, 60, new Reptile(3), new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        string message = Assert.Throws<CheckpointException>(() => Run(b, "a", Precision.Float32, 60, new Reptile(5))).Message;
        Assert.Contains("the task in progress has 3 steps, and InnerSteps is 5", message, StringComparison.Ordinal);
    }

    [Fact]
    public void BatchesInARow_OfAMixture_AreOneObjectives()
    {
        var mixture = new ObjectiveMixture<ICausalLanguageModel>((0.5, new RowsObjective()), (0.5, new RowsObjective())) { BatchesInARow = 4 };
        using GptModel model = Tiny.Model(Tiny.Even);
        using IBatchSource source = mixture.Open(new(3), model, 2);
        int[] parts = [.. Enumerable.Range(0, 80).Select(_ => source.Next(TestContext.Current.CancellationToken).Part)];
        Assert.All(parts.Chunk(4), row => Assert.Single(row.Distinct()));
        Assert.Equal(2, parts.Distinct().Count());
        Assert.Equal(4, mixture.Describe()["batchesInARow"]!.GetValue<int>());
    }

    private void Run(GptModel model, string output, Precision precision, int steps, params ITrainingCallback[] callbacks)
    {
        var objective = new ObjectiveMixture<ICausalLanguageModel>((0.5, new RowsObjective()), (0.5, new RowsObjective())) { BatchesInARow = 3 };
        var options = Tiny.Options(folder[output], steps) with
        {
            Optimizer = new SgdOptions { Momentum = 0 },
            Schedule = new() { Peak = 0.1, TotalSteps = steps, Decay = LearningRateDecay.Constant },
            Precision = precision,
            EvaluateEvery = 0,
            Resume = Directory.Exists(folder[output]),
            Callbacks = callbacks,
        };
        new Trainer(options).Run(model, objective, TestContext.Current.CancellationToken);
    }
}

using PreTrain.FineTuning;
using PreTrain.Models.Bert;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using static PreTrain.Tests.Modules.Values;

namespace PreTrain.Tests.FineTuning;

[Collection(nameof(RunsAlone))]
public sealed class FreezingTests : IDisposable
{
    private static readonly SequenceClassification s_objective = new(AdapterTests.Texts(), MaskingFixture.WordPiece);
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void GradualUnfreezing_OverSteps_LetsOneBlockAfterTheOtherMove(Precision precision)
    {
        using BertModel model = AdapterTests.Bert(dropout: 0.2);
        Dictionary<string, byte[]> plain = model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter));
        var moved = new Dictionary<string, int>();
        using var schedule = new GradualUnfreezing(stepsPerBlock: 3);
        var watch = new Tiny.AfterStep((run, step) =>
        {
            foreach (var (name, parameter) in run.Model.named_parameters())
            {
                using TorchSharp.torch.Tensor master = run.Parameters.Find(parameter, run.Parameters.Master)!;
                if (!Bytes(master).SequenceEqual(plain[name])) moved.TryAdd(name, step.Step);
            }
        });
        new Trainer(Tiny.Options(folder["run"]) with { Precision = precision, Callbacks = [schedule, watch] }).Run(model, s_objective, TestContext.Current.CancellationToken);

        // Two blocks: the head from step 1 on, then every three steps a group; rows of the embedding that no text has move by the decay.
        Assert.All(moved, m => Assert.Equal(m.Key.Contains("blocks.1.") ? 4 : m.Key.Contains("blocks.0.") ? 7 : m.Key.Contains("embedding") && !m.Key.Contains("norm") ? 10 : m.Key.Contains("embedding_norm") ? m.Value : 1, m.Value));
        Assert.Equal(plain.Keys.Where(name => !name.Contains("key.bias")).Order(), moved.Keys.Where(name => !name.Contains("key.bias")).Order());
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void GradualUnfreezing_CrashedThenResumed_EndsAsTheUninterrupted()
    {
        Train("a");
        Assert.Throws<TimeoutException>(() => Train("b", new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b");
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["b"], "model", "model.safetensors")));
        Assert.Equal(Tiny.Metrics(folder["a"]), Tiny.Metrics(folder["b"]));

        void Train(string output, params ITrainingCallback[] callbacks)
        {
            using BertModel model = AdapterTests.Bert(dropout: 0.2);
            using var schedule = new GradualUnfreezing(3);
            new Trainer(Tiny.Options(folder[output]) with { Resume = Directory.Exists(folder[output]), Callbacks = [schedule, .. callbacks] }).Run(model, s_objective, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void GradualUnfreezing_Evaluations_SeeWhatIsFrozenAsItWas()
    {
        using BertModel model = AdapterTests.Bert();
        string[] names = [.. model.named_parameters().Select(p => p.name).Where(name => name.Contains("blocks."))];
        Dictionary<string, byte[]> plain = Frozen();
        using var schedule = new GradualUnfreezing(stepsPerBlock: 100);
        int evaluations = 0;
        var watch = new Tiny.AfterEvaluation(_ =>
        {
            evaluations++;
            Assert.All(Frozen(), frozen => Assert.Equal(plain[frozen.Key], frozen.Value));
        });
        var objective = new SequenceClassification(AdapterTests.Texts(), MaskingFixture.WordPiece, new() { ValidationFraction = 0.25 });
        new Trainer(Tiny.Options(folder["run"], 4) with { EvaluateEvery = 1, Average = new() { Decay = 0.5 }, Callbacks = [schedule, watch] }).Run(model, objective, TestContext.Current.CancellationToken);
        Assert.Equal(4, evaluations);

        using var saved = BertModel.FromPretrained(folder["run/model"]);   // the average
        Assert.All(saved.named_parameters().Where(p => names.Contains(p.name)), p => Assert.Equal(plain[p.name], Bytes(p.parameter)));

        Dictionary<string, byte[]> Frozen() => model.named_parameters().Where(p => names.Contains(p.name)).ToDictionary(p => p.name, p => Bytes(p.parameter));
    }

    [Fact]
    public void GradualUnfreezing_FailedRun_LeavesAllTrainable()
    {
        using BertModel model = AdapterTests.Bert();
        using var schedule = new GradualUnfreezing(3);
        var failing = new Tiny.AfterStep((_, step) => { if (step.Step == 2) throw new TimeoutException("killed"); });
        Assert.Throws<TimeoutException>(() => new Trainer(Tiny.Options(folder["run"]) with { Callbacks = [schedule, failing] }).Run(model, s_objective, TestContext.Current.CancellationToken));
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void Rules_OfFreezing_LetOnlyTheRestMove()
    {
        Assert.Equal(["classifier.weight", "classifier.bias"], Moved(new() { Rules = Freezing.AllButHead }));
        Assert.DoesNotContain(Moved(new() { Rules = Freezing.FirstBlocks(1) }), name => name.Contains("blocks.0.") || name.Contains("embedding"));
        Assert.Contains("encoder.blocks.1.query.weight", Moved(new() { Rules = Freezing.FirstBlocks(1) }));
        Assert.DoesNotContain(Moved(new() { Rules = Freezing.Rates([0, 1]) }), name => name.Contains("blocks.0."));
        Assert.Throws<ArgumentException>(() => Freezing.AllBut());
        Assert.Throws<ArgumentOutOfRangeException>(() => new GradualUnfreezing(0));
    }

    [Fact]
    public void LayerDecay_OfAnUpdate_IsTheRateOfEachBlock()
    {
        // With the sign as the update, a weight moves by its learning rate: 1 above, 1 / 2.6 of it in each block below (Howard and Ruder 2018, section 3.2).
        using BertModel model = AdapterTests.Bert();
        Dictionary<string, double[]> before = model.named_parameters().ToDictionary(p => p.name, p => Doubles(p.parameter));
        var options = Tiny.Options(folder["rates"], steps: 1) with { Optimizer = new LionOptions { WeightDecay = 0 }, LearningRate = 0.25, WarmupSteps = 0, MinimumLearningRate = 0.25, Update = new() { LayerDecay = 1 / 2.6 } };
        new Trainer(options).Run(model, s_objective, TestContext.Current.CancellationToken);
        double Step(string name) => Doubles(model.named_parameters().Single(p => p.name == name).parameter).Zip(before[name], (a, b) => Math.Abs(a - b)).Max();
        Assert.Equal(0.25, Step("classifier.weight"), 1e-6);
        Assert.Equal(0.25 / 2.6, Step("encoder.blocks.1.value.weight"), 1e-6);
        Assert.Equal(0.25 / (2.6 * 2.6), Step("encoder.blocks.0.value.weight"), 1e-6);
        Assert.Equal(0.25 / (2.6 * 2.6 * 2.6), Step("encoder.position_embedding"), 1e-6);
    }

    private string[] Moved(UpdateOptions update)
    {
        using BertModel model = AdapterTests.Bert();
        Dictionary<string, byte[]> plain = model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter));
        new Trainer(Tiny.Options(folder["rules"], steps: 3) with { Update = update, Overwrite = true }).Run(model, s_objective, TestContext.Current.CancellationToken);
        return [.. model.named_parameters().Where(p => !Bytes(p.parameter).SequenceEqual(plain[p.name])).Select(p => p.name)];
    }
}

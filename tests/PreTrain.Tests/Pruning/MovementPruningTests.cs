using PreTrain.Checkpoints;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Pruning;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;
using TemporaryFolder = PreTrain.Tests.Checkpoints.TemporaryFolder;

namespace PreTrain.Tests.Pruning;

[Collection(DefaultGenerator.Name)]
public sealed class MovementPruningTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Backward_Scores_GetTheGradientOfTheMaskedWeightTimesTheWeight()
    {
        using DisposeScope scope = NewDisposeScope();
        using var map = new Projection(7, 5);
        using var plain = new Projection(7, 5);
        using (no_grad())
        {
            map.weight.copy_(Normal([5, 7], 1));
            map.bias!.copy_(Normal([5], 2));
            plain.bias!.copy_(map.bias);
        }
        var transform = new MovementProjection(map);
        map.Transform = transform;
        transform.mask.copy_(Normal([5, 7], 3).gt(0.2));
        using (no_grad()) plain.weight.copy_(map.weight * transform.mask);
        Tensor x = Normal([3, 7], 4), gradient = Normal([3, 5], 6);
        Tensor y = map.forward(x), expected = plain.forward(x);
        AssertClose(Doubles(expected), Doubles(y), 5, 1e-6, "y");
        y.backward([gradient]);
        expected.backward([gradient]);
        AssertClose(Doubles(plain.weight.grad! * transform.mask), Doubles(map.weight.grad!), 7, 1e-6, "dW");
        AssertClose(Doubles(plain.weight.grad! * map.weight), Doubles(transform.scores.grad!), 7, 1e-6, "dS");
    }

    [Fact]
    public void Run_Evaluations_MeasureTheSparsityOfTheirStep()
    {
        var schedule = new SparsitySchedule { FinalSparsity = 0.6, EndStep = 12, Every = 3 };
        using GptModel model = Tiny.Model(Tiny.Even);
        using var pruning = new MovementPruning(model, schedule);
        MovementProjection[] maps = [.. model.modules().OfType<MovementProjection>()];
        var seen = new List<double>();
        TrainingOptions options = Tiny.Options(folder["run"]) with { EvaluateEvery = 1, Weights = pruning, Callbacks = [pruning, new Tiny.AfterEvaluation(_ => seen.Add(maps.Average(map => map.mask.eq(0).to(ScalarType.Float64).mean().item<double>())))] };
        Tiny.Train(model, new RowsObjective(), options);
        Assert.Equal(Enumerable.Range(1, 12).Select(schedule.At), seen, (a, b) => Math.Abs(a - b) < 0.01);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_Scores_PruneOnScheduleAlsoWhenResumed(Precision precision)
    {
        var schedule = new SparsitySchedule { FinalSparsity = 0.6, StartStep = 1, EndStep = 9, Every = 2 };
        Train(folder["a"], 3);
        Assert.Throws<TimeoutException>(() => Train(folder["b"], 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train(folder["b"], 4);
        foreach (string file in new[] { "model.safetensors", "movement.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));

        void Train(string output, ulong seed, params ITrainingCallback[] others)
        {
            using GptModel model = Tiny.Model(Tiny.Even with { Dropout = 0.2 }, seed);
            using var pruning = new MovementPruning(model, schedule);
            TrainingOptions options = Tiny.Options(output) with
            {
                Precision = precision,
                Resume = Directory.Exists(output),
                Weights = pruning,
                Callbacks = [pruning, .. others],
                Update = new UpdateOptions { Rules = [new ParameterRule { Pattern = "*.scores", LearningRateScale = 30, WeightDecay = false }] },
            };
            Tiny.Train(model, new RowsObjective(), options);
            SparsityReport report = pruning.Finish();
            Assert.All(report.Maps, m => Assert.Equal(0.6, m.Sparsity, 0.001));
            Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));

            // The saved folder is an ordinary one, with the same zeros and values.
            using GptModel saved = GptModel.FromPretrained(Path.Combine(output, "model"));
            foreach (var (name, value) in model.state_dict()) Assert.Equal(Bytes(value), Bytes(saved.state_dict()[name]));

            // What went is not what is small.
            using var weights = CheckpointTensors.Open(Path.Combine(output, "model", "movement.safetensors"));
            string first = report.Maps[0].Name + ".weight";
            using Tensor raw = empty(weights.Info(first).Shape.ToArray()), now = model.state_dict()[first].detach();
            weights.ReadInto(first, raw);
            Assert.True((raw * now.eq(0)).abs().max().item<float>() > (raw.abs() + now.eq(0).to(ScalarType.Float32) * 100).min().item<float>());
        }
    }

    [Fact]
    public void Constructor_TooSparse_IsRefused()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        Assert.Contains("would leave none of 1024 weights", Assert.Throws<ArgumentException>(() => new MovementPruning(model, new SparsitySchedule { FinalSparsity = 0.9999, EndStep = 3 })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_WithoutItsWeights_IsRefused()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        using var pruning = new MovementPruning(model, new SparsitySchedule { EndStep = 3 });
        Assert.Contains("Weights must be this MovementPruning", Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]) with { Callbacks = [pruning] })).Message, StringComparison.Ordinal);
        pruning.Finish();
        Assert.Throws<InvalidOperationException>(pruning.Finish);
    }

    [Fact]
    public void LoadPretrained_OrdinaryFolder_IsRefused()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        model.SavePretrained(folder["model"]);
        using var pruning = new MovementPruning(model, new SparsitySchedule { EndStep = 3 });
        Assert.Contains("movement.safetensors", Assert.Throws<CheckpointException>(() => pruning.LoadPretrained(folder["model"])).Message, StringComparison.Ordinal);
    }
}

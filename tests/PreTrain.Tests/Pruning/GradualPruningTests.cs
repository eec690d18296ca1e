using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Pruning;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Tests.Pruning;

[Collection(DefaultGenerator.Name)]
public sealed class GradualPruningTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void At_Cubic_IsTheFormula()
    {
        var schedule = new SparsitySchedule { InitialSparsity = 0.1, FinalSparsity = 0.8, StartStep = 20, EndStep = 60, Every = 10 };
        schedule.Validate();
        Assert.Equal([0, 0, 0.1, 0.1, 0.8 - 0.7 * 27 / 64, 0.8 - 0.7 * 27 / 64, 0.8 - 0.7 / 8, 0.8 - 0.7 / 64, 0.8, 0.8], new[] { 0, 19, 20, 29, 30, 39, 40, 50, 60, 1000 }.Select(schedule.At), (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal([20, 30, 40, 50, 60], Enumerable.Range(0, 100).Where(schedule.HasRoundAt));
    }

    [Fact]
    public void At_Iterative_TakesTheSamePartInEachRound()
    {
        var schedule = new SparsitySchedule { Curve = SparsityCurve.Iterative, FinalSparsity = 1 - 0.8 * 0.8 * 0.8, EndStep = 6, Every = 2 };
        Assert.Equal([0, 0, 0.2, 0.2, 1 - 0.64, 1 - 0.64, 1 - 0.512], Enumerable.Range(0, 7).Select(schedule.At), (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Validate_Faults_AreNamedTogether()
    {
        string message = Assert.Throws<ArgumentException>(new SparsitySchedule { InitialSparsity = 0.7, FinalSparsity = 0.6, StartStep = 3, EndStep = 10, Every = 4 }.Validate).Message;
        Assert.Contains("InitialSparsity (0.7) must be at least 0 and at most FinalSparsity (0.6)", message, StringComparison.Ordinal);
        Assert.Contains("Every (4) must divide the steps from StartStep to EndStep (7)", message, StringComparison.Ordinal);
        Assert.Contains("FinalSparsity (1) must be at least 0 and below 1", Assert.Throws<ArgumentException>(new SparsitySchedule { FinalSparsity = 1, EndStep = 1 }.Validate).Message, StringComparison.Ordinal);
        Assert.Contains("EndStep (0) must be above StartStep (0)", Assert.Throws<ArgumentException>(new SparsitySchedule { EndStep = 0 }.Validate).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(SparsityCurve.Cubic, PruningScope.Model, Precision.Float32)]
    [InlineData(SparsityCurve.Cubic, PruningScope.Output, Precision.BFloat16)]
    [InlineData(SparsityCurve.Iterative, PruningScope.Map, Precision.BFloat16)]
    public void Run_Schedule_HasItsSparsityAfterEveryStepAlsoWhenResumed(SparsityCurve curve, PruningScope scope, Precision precision)
    {
        var schedule = new SparsitySchedule { Curve = curve, InitialSparsity = 0.2, FinalSparsity = 0.7, StartStep = 2, EndStep = 10, Every = 2 };
        Dictionary<int, double> seen = [];
        Train(folder["a"], 3);
        foreach (int step in Enumerable.Range(1, 12)) Assert.Equal(schedule.At(step), seen[step], 0.02);
        Assert.Throws<TimeoutException>(() => Train(folder["b"], 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train(folder["b"], 4);
        SparsityMasksTests.SameModel(folder["a"], folder["b"]);
        using GptModel saved = GptModel.FromPretrained(Path.Combine(folder["b"], "model"));
        Assert.Equal(0.7, SparsityReport.Of(saved).Sparsity, 0.02);

        void Train(string output, ulong seed, params ITrainingCallback[] others)
        {
            using GptModel model = Tiny.Model(Tiny.Even with { Dropout = 0.2 }, seed);
            using var pruning = new GradualPruning(model, schedule, new PruningOptions { Scope = scope });
            TrainingOptions options = SparsityMasksTests.Options("adamw", precision, output) with { Resume = Directory.Exists(output) };
            Tiny.Train(model, new RowsObjective(), options with { Callbacks = [pruning, new Tiny.AfterStep((_, step) => seen[step.Step] = SparsityReport.Of(model).Sparsity), .. others] });
        }
    }

    [Fact]
    public void Run_InitialSparsityFromTheStart_IsThereInTheFirstStep()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        using var pruning = new GradualPruning(model, new SparsitySchedule { InitialSparsity = 0.3, FinalSparsity = 0.5, EndStep = 12, Every = 6 });
        var seen = new List<double>();
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]) with { Callbacks = [pruning, new Tiny.AfterStep((_, _) => seen.Add(SparsityReport.Of(model).Sparsity))] });
        Assert.Equal(0.3, seen[0], 0.01);
        Assert.Equal(0.5, seen[^1], 0.01);
    }

    [Fact]
    public void Run_Evaluations_MeasureTheSparsityOfTheirStep()
    {
        var schedule = new SparsitySchedule { FinalSparsity = 0.9, EndStep = 12, Every = 3 };
        using GptModel model = Tiny.Model(Tiny.Even);
        using var pruning = new GradualPruning(model, schedule);
        var seen = new List<double>();
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]) with { EvaluateEvery = 1, Callbacks = [new Tiny.AfterEvaluation(_ => seen.Add(SparsityReport.Of(model).Sparsity)), pruning] });
        Assert.Equal(Enumerable.Range(1, 12).Select(schedule.At), seen, (a, b) => Math.Abs(a - b) < 0.01);
    }

    [Fact]
    public void Run_MapThatWouldLoseAllWeights_IsNamed()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        using (TorchSharp.torch.no_grad()) model.blocks[0].qkv.weight.mul_(1e-4);
        using var pruning = new GradualPruning(model, new SparsitySchedule { InitialSparsity = 0.4, FinalSparsity = 0.5, EndStep = 12 }, new PruningOptions { Scope = PruningScope.Model });
        string message = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"]) with { Callbacks = [pruning] })).Message;
        Assert.Equal("Sparsity (0.4) would leave no weight of 'blocks.0.qkv'; take a lower one, or PruningScope.Map.", message);
    }

    [Fact]
    public void Constructor_WhatATrainingCannotDo_IsRefused()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        var schedule = new SparsitySchedule { EndStep = 4 };
        Assert.Contains("Method (Wanda) must be Magnitude", Refused(schedule, new PruningOptions { Method = PruningMethod.Wanda }), StringComparison.Ordinal);
        Assert.Contains("Pattern (2:4) sets the sparsity once", Refused(schedule, new PruningOptions { Pattern = new SparsityPattern(2, 4) }), StringComparison.Ordinal);
        Assert.Contains("would leave none of 32 weights", Refused(schedule with { FinalSparsity = 0.99 }, new PruningOptions { Scope = PruningScope.Output }), StringComparison.Ordinal);
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));

        using var pruning = new GradualPruning(model, schedule with { EndStep = 13 });
        TrainingOptions options = Tiny.Options(folder["run"]) with { SavedModel = SavedModel.Best, EarlyStopping = new EarlyStoppingOptions(), Callbacks = [pruning] };
        string message = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), options)).Message;
        foreach (string part in new[] { "EndStep (13) of the schedule must be at most Steps (12)", "SavedModel (Best) must be Last", "EarlyStopping must be null" }) Assert.Contains(part, message, StringComparison.Ordinal);

        string Refused(SparsitySchedule schedule, PruningOptions options) => Assert.Throws<ArgumentException>(() => new GradualPruning(model, schedule, options)).Message;
    }
}

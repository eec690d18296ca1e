using System.Text.Json.Nodes;
using PreTrain.Models.Gpt;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;
using static PreTrain.Tests.Optimization.FlatParametersTests;

namespace PreTrain.Tests.Training;

/// <summary>Early stopping, the best weights, and which checkpoints stay.</summary>
[Collection(DefaultGenerator.Name)]
public sealed class StoppingTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    // The rate rises all the time: the loss falls at first, and then no more.
    private TrainingOptions Rising(string name) => Tiny.Options(folder[name], 24) with { LearningRate = 0.4, WarmupSteps = 24, LearningRateDecay = LearningRateDecay.Constant, EvaluateEvery = 1, CheckpointEvery = 7, ClipNorm = 0 };

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(2, 0.3)]
    public void Run_Patience_EndsAfterSoManyEvaluationsWithoutAnImprovement(int patience, double delta)
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Rising("whole"));
        double[] losses = Validation("whole");
        double best = double.PositiveInfinity;
        int bad = 0, end = 0;
        while (bad < patience)
        {
            if (losses[end] < best - delta) (best, bad) = (losses[end], 0);
            else bad++;
            end++;
        }

        TrainingResult result;
        using (var model = Tiny.Model(Tiny.Even)) result = Tiny.Train(model, new RowsObjective(), Stopping("stopped"));

        Assert.True(end is > 1 and < 24, $"It ends at {end}.");
        Assert.Equal((end, true, false), (result.Steps, result.StoppedEarly, result.Interrupted));
        Assert.Equal(losses[..end], Validation("stopped"));
        Assert.True(Directory.Exists(Path.Combine(folder["stopped"], "checkpoints", $"step-{end:D6}")));

        // It stays where it ended, and ends there too when it was killed on the way.
        using (var model = Tiny.Model(Tiny.Even)) Assert.Equal((end, true), Tiny.Train(model, new RowsObjective(), Stopping("stopped") with { Resume = true }) is var r ? (r.Steps, r.StoppedEarly) : default);
        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == end - 1) throw new TimeoutException("killed"); });
        using (var model = Tiny.Model(Tiny.Even)) Assert.Throws<TimeoutException>(() => Tiny.Train(model, new RowsObjective(), Stopping("killed") with { Callbacks = [dies] }));
        using (var model = Tiny.Model(Tiny.Even)) Assert.Equal(end, Tiny.Train(model, new RowsObjective(), Stopping("killed") with { Resume = true }).Steps);
        Assert.Equal(Model("stopped"), Model("killed"));

        TrainingOptions Stopping(string name) => Rising(name) with { EarlyStopping = new() { Patience = patience, MinimumDelta = delta } };
    }

    [Theory]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, true)]
    public void Run_Best_EndsWithTheWeightsOfTheLowestLoss(Precision precision, bool average)
    {
        TrainingOptions Named(string name) => Rising(name) with { Precision = precision, Average = average ? new() { Decay = 0.3 } : null, SavedModel = SavedModel.Best, KeepCheckpoints = 1 };
        TrainingResult result;
        using var model = Tiny.Model(Tiny.Even);
        result = Tiny.Train(model, new RowsObjective(), Named("run"));

        double[] losses = Validation("run");
        int best = Array.IndexOf(losses, losses.Min()) + 1;
        Assert.True(best is > 1 and < 21, $"The best step is {best}.");
        Assert.Equal((24, best, losses.Min(), losses[^1]), (result.Steps, result.ModelStep, result.BestValidationLoss, result.ValidationLoss));
        Assert.Equal([$"step-{best:D6}", "step-000024"], Directory.EnumerateDirectories(Path.Combine(folder["run"], "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using (GptModel saved = GptModel.FromPretrained(result.ModelFolder))
        {
            if (!average)
                foreach (var (a, b) in model.parameters().Zip(saved.parameters())) Assert.Equal(Values(a), Values(b));
            double loss = new RowsObjective().Evaluate(saved, 3, 32, cancellationToken: TestContext.Current.CancellationToken)!.Loss;
            Assert.Equal(losses.Min(), loss, precision == Precision.Float32 ? 1e-5 : 0.05);
        }

        // A run that goes to the best step only and saves its last weights has the same.
        using var stop = new CancellationTokenSource();
        var ends = new Tiny.AfterStep((_, step) => { if (step.Step == best) stop.Cancel(); });
        using (var shorter = Tiny.Model(Tiny.Even)) new Trainer(Named("shorter") with { SavedModel = SavedModel.Last, Callbacks = [ends] }).Run(shorter, new RowsObjective(), stop.Token);
        Assert.Equal(Model("shorter"), Model("run"));

        foreach (int crash in new[] { best, best + 2 })
        {
            var dies = new Tiny.AfterStep((run, step) => { if (step.Step == crash) throw new TimeoutException("killed"); });
            using var killed = Tiny.Model(Tiny.Even);
            Assert.Throws<TimeoutException>(() => Tiny.Train(killed, new RowsObjective(), Named("killed") with { Resume = true, Callbacks = [dies] }));
        }
        using (var killed = Tiny.Model(Tiny.Even)) Assert.Equal(best, Tiny.Train(killed, new RowsObjective(), Named("killed") with { Resume = true }).ModelStep);
        Assert.Equal(Model("run"), Model("killed"));
    }

    [Fact]
    public void Run_StopsBetweenTwoLinesOfMetrics_HasOneForItsLastStep()
    {
        using var model = Tiny.Model(Tiny.Even);
        var log = new Tiny.ListLogger();
        TrainingResult result = Tiny.Train(model, new RowsObjective(), Rising("run") with { EvaluateEvery = 7, LogEvery = 5, EarlyStopping = new() { Patience = 1, MinimumDelta = 3 }, Logger = log });

        Assert.Equal((14, true), (result.Steps, result.StoppedEarly));
        string[] lines = [.. Tiny.Metrics(folder["run"]).Select(line => JsonNode.Parse(line)!.AsObject()).Select(json => $"{json["step"]} {(json.ContainsKey("loss") ? "loss" : "validation")}")];
        Assert.Equal(["5 loss", "7 validation", "10 loss", "14 loss", "14 validation"], lines);
        Assert.Equal([5, 10, 14], log.Lines.Where(line => line.Contains(": loss ", StringComparison.Ordinal)).Select(line => int.Parse(line.Split(' ')[2].Split('/')[0], System.Globalization.CultureInfo.InvariantCulture)));
    }

    [Theory]
    [InlineData(24, 8, true)]
    [InlineData(17, 8, true)]
    [InlineData(25, 8, false)]
    [InlineData(24, 1, false)]
    public void Run_PatienceThatCannotHappen_IsToldOf(int steps, int every, bool tells)
    {
        var log = new Tiny.ListLogger();
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], steps) with { EvaluateEvery = every, EarlyStopping = new() { Patience = 2 }, Logger = log });
        string line = $"Warning: The training cannot end early: after a first evaluation it takes 2 without an improvement, and there are 2 before the last of {steps} steps. Evaluate more often than every 8 steps.";
        Assert.Equal(tells ? [line] : [], log.Lines.Where(l => l.StartsWith("Warning: The training cannot", StringComparison.Ordinal)));
    }

    [Fact]
    public void Run_BestOfOneEvaluation_IsToldOf()
    {
        var log = new Tiny.ListLogger();
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { EvaluateEvery = 3, SavedModel = SavedModel.Best, Logger = log });
        Assert.Contains("Warning: The best model is the last: there is no evaluation before the last of 3 steps. Evaluate more often.", log.Lines);
    }

    [Theory]
    [InlineData("EarlyStopping")]
    [InlineData("Plateau")]
    [InlineData("SavedModel (Best)")]
    public void Run_NothingHeldOutToGoBy_IsRefused(string option)
    {
        TrainingOptions options = Tiny.Options(folder["run"], 4) with { EvaluateEvery = 2 };
        options = option switch
        {
            "EarlyStopping" => options with { EarlyStopping = new() },
            "Plateau" => options with { Plateau = new() },
            _ => options with { SavedModel = SavedModel.Best },
        };
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(evaluationRows: 0), options));
        Assert.Equal($"{option} goes by the loss on held-out data, and the objective 'rows' holds nothing out. Hold a share out, or more examples where it comes to none.", e.Message);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_BestIsLost_EndsWithTheLast(bool torn)
    {
        TrainingOptions options = Rising("run") with { SavedModel = SavedModel.Best, KeepCheckpoints = 1 };
        int best;
        using (var model = Tiny.Model(Tiny.Even)) best = Tiny.Train(model, new RowsObjective(), options).ModelStep;
        string lost = folder[$"run/checkpoints/step-{best:D6}"];
        if (torn) File.WriteAllText(Path.Combine(lost, "model", "model.safetensors"), "");
        else Directory.Delete(lost, recursive: true);
        Directory.Delete(folder["run/model"], recursive: true);

        var log = new Tiny.ListLogger();
        using var again = Tiny.Model(Tiny.Even);
        TrainingResult result = Tiny.Train(again, new RowsObjective(), options with { Resume = true, Logger = log });

        Assert.Equal((24, 24), (result.Steps, result.ModelStep));
        Assert.Contains(log.Lines, line => line.StartsWith($"Warning: The best weights, of step {best}, are lost: ", StringComparison.Ordinal) && line.EndsWith("The model is that of step 24.", StringComparison.Ordinal));
        Assert.True(File.Exists(folder["run/model/model.safetensors"]));
    }

    [Fact]
    public void Run_KeepEvery_StaysForEver()
    {
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 13) with { CheckpointEvery = 2, KeepCheckpoints = 2, KeepCheckpointsEvery = 4 });
        Assert.Equal(["step-000004", "step-000008", "step-000012", "step-000013"], Directory.EnumerateDirectories(Path.Combine(folder["a"], "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(2, 0, null, new[] { 3, 5, 9 }, new[] { 3 })]
    [InlineData(2, 0, 3, new[] { 3, 5, 9 }, new int[0])]
    [InlineData(1, 3, null, new[] { 0, 3, 5, 6, 9, 10 }, new[] { 0, 5 })]
    [InlineData(3, 0, 2, new[] { 1, 2, 9, 10, 11, 12 }, new[] { 1, 11, 12 })]
    public void Discarded_Rules_LeaveTheOthers(int newest, int every, int? best, int[] steps, int[] expected) =>
        Assert.Equal(expected, new CheckpointRetention(newest, every, best).Discarded([.. steps.OrderDescending()], 10).Order());

    private double[] Validation(string name) => [.. Tiny.Metrics(folder[name]).Select(line => JsonNode.Parse(line)!["validationLoss"]?.GetValue<double>()).OfType<double>()];

    private string Model(string name) => Convert.ToHexString(File.ReadAllBytes(Path.Combine(folder[name], "model", "model.safetensors")));
}

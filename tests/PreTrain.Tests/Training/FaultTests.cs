using System.Text.Json.Nodes;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;
using static PreTrain.Tests.Optimization.FlatParametersTests;

namespace PreTrain.Tests.Training;

/// <summary>
/// What a policy must do is described by a run in which nothing is wrong and some batches are not there: those of the fault, or, after a way back, all from the checkpoint to the fault.
/// </summary>
[Collection(DefaultGenerator.Name)]
public sealed class FaultTests : IDisposable
{
    private const int Rows = 3;
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    public static TheoryData<FaultPolicy, bool, int, Precision> Policies => new(
        from policy in new[] { FaultPolicy.Skip, FaultPolicy.RollBack }
        from spike in new[] { false, true }
        from shape in new[] { (1, Precision.Float32), (2, Precision.BFloat16) }
        select new TheoryDataRow<FaultPolicy, bool, int, Precision>(policy, spike, shape.Item1, shape.Item2));

    [Theory]
    [MemberData(nameof(Policies))]
    public void Run_FaultAtStep8_GoesOnAsIfTheBatchesWereNotThere(FaultPolicy policy, bool spike, int accumulation, Precision precision)
    {
        TrainingOptions options = Options("faulty", policy, spike) with { AccumulationSteps = accumulation, Precision = precision };
        var log = new Tiny.ListLogger();
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Planted(spike, accumulation, 7), options with { Logger = log });
        int first = policy == FaultPolicy.Skip ? 7 : 5;   // steps that were tried and lost, from 0
        using (var model = Tiny.Model(Tiny.Even))
            Tiny.Train(model, new RowsObjective { Omitted = [.. BatchesOf(accumulation, [.. Enumerable.Range(first, 8 - first)])] }, options with { Output = folder["plain"] });

        AssertSame("plain", "faulty");
        JsonNode fault = Assert.Single(Faults("faulty"));
        Assert.Equal((8, "loss", policy.ToString(), 1), (fault["step"]!.GetValue<int>(), fault["quantity"]!.GetValue<string>(), fault["action"]!.GetValue<string>(), fault["inARow"]!.GetValue<int>()));
        Assert.Equal(policy == FaultPolicy.RollBack ? 5 : null, fault["returnedTo"]?.GetValue<int>());
        Assert.Equal(7 * accumulation * Rows, fault["position"]!["row"]!.GetValue<long>());
        if (spike) Assert.True(fault["value"]!.GetValue<double>() > fault["limit"]!.GetValue<double>());
        else Assert.Equal("NaN", fault["value"]!.GetValue<string>());
        string dump = Path.Combine(folder["faulty"], fault["dump"]!.GetValue<string>());
        Assert.Equal(spike ? "spike-step-000008.txt" : "not-finite-step-000008.txt", Path.GetFileName(dump));
        Assert.Equal(accumulation * Rows, File.ReadAllLines(dump).Count(line => line.Contains("inputs: ", StringComparison.Ordinal)));
        Assert.Contains(log.Lines, line => line.StartsWith("Warning: The loss of step 8 is ", StringComparison.Ordinal) && line.Contains(policy == FaultPolicy.Skip ? "skipped" : "back to step 5", StringComparison.Ordinal));
        Assert.False(File.Exists(Path.Combine(folder["plain"], "faults.jsonl")));
    }

    [Theory]
    [MemberData(nameof(Policies))]
    public void Run_FaultsThenKilledThenResumed_EndsBitForBitAsTheUninterrupted(FaultPolicy policy, bool spike, int accumulation, Precision precision)
    {
        TrainingOptions Named(string name) => Options(name, policy, spike) with
        {
            AccumulationSteps = accumulation,
            Precision = precision,
            EvaluateEvery = 2,
            Average = new WeightAverageOptions { Decay = 0.7 },
            Plateau = new PlateauOptions { Patience = 0, Threshold = 0.2 },
        };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Planted(spike, accumulation, 6, 10), Named("a"));

        // Before the next checkpoint has the fault, and behind it.
        foreach (int crash in new[] { 8, 11 })
        {
            var dies = new Tiny.AfterStep((run, step) => { if (step.Step == crash && run.Faults.Count > 0) throw new TimeoutException("killed"); });
            using var model = Tiny.Model(Tiny.Even);
            Assert.Throws<TimeoutException>(() => Tiny.Train(model, Planted(spike, accumulation, 6, 10), Named("b") with { Resume = true, Callbacks = [dies] }));
        }
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Planted(spike, accumulation, 6, 10), Named("b") with { Resume = true });

        AssertSame("a", "b");
        Assert.Equal(2, Faults("a").Length);
        foreach (string file in new[] { "faults.jsonl", Path.Combine("checkpoints", "step-000012", "state.json"), Path.Combine("checkpoints", "step-000012", "average.safetensors") })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], file)), File.ReadAllBytes(Path.Combine(folder["b"], file)));
    }

    [Fact]
    public void Run_SpikeWithStop_EndsAndSaysWhatWasExpected()
    {
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<NumericalException>(() => Tiny.Train(model, Planted(spike: true, 1, 7), Options("run", FaultPolicy.Stop, spike: true)));
        Assert.Equal((8, "loss", FaultPolicy.Stop), (e.Fault.Step, e.Fault.Quantity, e.Fault.Action));
        Assert.StartsWith("The loss of step 8 is ", e.Message, StringComparison.Ordinal);
        Assert.Contains(", and by the last steps it should be below ", e.Message, StringComparison.Ordinal);
        Assert.Single(Faults("run"));
    }

    [Theory]
    [InlineData(FaultPolicy.Skip, new[] { 8, 8, 8, 8 })]
    [InlineData(FaultPolicy.RollBack, new[] { 8, 6, 6, 6 })]
    public void Run_FaultsInARow_EndAtTheLimit(FaultPolicy policy, int[] steps)
    {
        using var model = Tiny.Model(Tiny.Even);
        TrainingOptions options = Options("run", policy, spike: false) with { Faults = new() { NotFinite = policy, MaxInARow = 3 } };
        var e = Assert.Throws<NumericalException>(() => Tiny.Train(model, Planted(spike: false, 1, [.. Enumerable.Range(7, 30)]), options));

        Assert.Contains("It is the 4. fault without progress.", e.Message, StringComparison.Ordinal);
        JsonNode[] faults = Faults("run");
        Assert.Equal(steps, faults.Select(fault => fault["step"]!.GetValue<int>()));
        Assert.Equal([1, 2, 3, 4], faults.Select(fault => fault["inARow"]!.GetValue<int>()));
        Assert.Equal("Stop", faults[^1]["action"]!.GetValue<string>());
        Assert.Equal(4, faults.Select(fault => fault["dump"]!.GetValue<string>()).Distinct().Count());
        Assert.All(model.parameters(), p => Assert.All(Values(p), v => Assert.True(float.IsFinite(v))));
    }

    [Fact]
    public void Run_RollBackBeforeTheFirstCheckpoint_GoesBackToTheBeginning()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Planted(spike: false, 1, 2), Options("a", FaultPolicy.RollBack, spike: false));
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective { Omitted = [.. BatchesOf(1, [0, 1, 2])] }, Tiny.Options(folder["b"]));
        AssertSame("b", "a");
        Assert.Equal(0, Assert.Single(Faults("a"))["returnedTo"]!.GetValue<int>());
    }

    [Fact]
    public void Run_SkipWithEnoughSteps_MakesAsManyUpdates()
    {
        using var model = Tiny.Model(Tiny.Even);
        var seen = new List<int>();
        var rates = new List<double>();
        TrainingOptions options = Options("run", FaultPolicy.Skip, spike: false) with { Callbacks = [new Tiny.AfterStep((_, step) => { seen.Add(step.Step); rates.Add(step.LearningRate); })] };
        TrainingResult result = Tiny.Train(model, Planted(spike: false, 1, 3, 4, 9), options);
        Assert.Equal(Enumerable.Range(1, 12), seen);
        Assert.Equal(Enumerable.Range(0, 12).Select(step => options.Schedule.At(step)), rates);
        Assert.Equal(3, result.Faults);
    }

    [Fact]
    public void Run_Overwrite_DeletesTheFaults()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Planted(spike: true, 1, 7), Options("run", FaultPolicy.Skip, spike: true));
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Options("run", FaultPolicy.Skip, spike: true) with { Overwrite = true });
        Assert.Empty(Directory.EnumerateFiles(folder["run"], "*.txt"));
        Assert.False(File.Exists(Path.Combine(folder["run"], "faults.jsonl")));
    }

    private TrainingOptions Options(string name, FaultPolicy policy, bool spike) => Tiny.Options(folder[name]) with
    {
        Faults = spike ? new() { Spike = policy, SpikeThreshold = 100, SpikeWindowSteps = 7, SpikeWarmupSteps = 3 } : new() { NotFinite = policy },
    };

    /// <summary>Spoils the batches that are drawn for steps, counted from 0 and with those that are lost.</summary>
    private static RowsObjective Planted(bool spike, int accumulation, params int[] draws) =>
        new() { Factors = BatchesOf(accumulation, draws).Where((_, i) => i % accumulation == accumulation - 1).ToDictionary(row => row, _ => spike ? 1e4 : double.NaN) };

    private static IEnumerable<long> BatchesOf(int accumulation, int[] draws) => draws.SelectMany(draw => Enumerable.Range(0, accumulation).Select(i => ((long)draw * accumulation + i) * Rows));

    private JsonNode[] Faults(string name) => [.. File.ReadAllLines(Path.Combine(folder[name], "faults.jsonl")).Select(line => JsonNode.Parse(line)!)];

    private void AssertSame(string a, string b)
    {
        Assert.Equal(File.ReadAllText(Path.Combine(folder[a], "metrics.jsonl")), File.ReadAllText(Path.Combine(folder[b], "metrics.jsonl")));
        foreach (string file in new[] { Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000012", "optimizer.safetensors") })
            Assert.True(File.ReadAllBytes(Path.Combine(folder[a], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder[b], file))), file);
        JsonNode State(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(folder[name], "checkpoints", "step-000012", "state.json")))!;
        foreach (string part in new[] { "step", "tokens", "data", "recentLosses", "validation" }) Assert.Equal(State(a)[part]!.ToJsonString(), State(b)[part]!.ToJsonString());
    }
}

using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;
using TemporaryFolder = PreTrain.Tests.Checkpoints.TemporaryFolder;

namespace PreTrain.Tests.Training;

public sealed class TrainerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, true)]
    [InlineData(Precision.BFloat16, false)]
    public void Run_LearnableRows_LossFallsAndLiveTensorsStay(Precision precision, bool even)
    {
        using var model = Tiny.Model(even ? Tiny.Even : Tiny.Odd);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var live = new List<long>();
        var options = Tiny.Options(folder["run"], 230) with
        {
            Precision = precision,
            CheckpointEvery = 100,
            EvaluateEvery = 50,
            BatchSize = 5,
            Callbacks = [new Tiny.AfterStep((_, _) => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount))],
        };

        TrainingResult result = Tiny.Train(model, new RowsObjective(), options);

        Assert.True(result.TrainLoss < 0.5, $"The loss stayed at {result.TrainLoss}.");
        Assert.True(result.ValidationLoss < 0.5, $"The validation loss stayed at {result.ValidationLoss}.");
        Assert.Equal(230, live.Count);
        Assert.Single(live.Distinct());
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal((230, false, folder["run"]), (result.Steps, result.Interrupted, result.Output));
        Assert.True(result.PeakMemoryBytes > 0 && result.TokensPerSecond > 0 && result.Seconds > 0);
        Assert.False(model.training);
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
    }

    [Fact]
    public void Run_TokenStore_WritesTheRunFolder()
    {
        string text = string.Concat(Enumerable.Range(0, 400).Select(i => $"the {i % 7} quick foxes jump over {i % 5} lazy dogs. "));
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([text], new() { VocabSize = 277 }, cancellation: TestContext.Current.CancellationToken);
        using TokenStore tokens = TokenStore.Build([text], tokenizer, Path.Combine(folder["run"], "tokens"), cancellationToken: TestContext.Current.CancellationToken);
        using var model = Tiny.Model(Tiny.Even with { VocabSize = tokenizer.VocabSize });
        var options = Tiny.Options(folder["run"]) with { Tokenizer = tokenizer, Precision = Precision.BFloat16, LogEvery = 5 };

        TrainingResult result = new Trainer(options).Run(model, new CausalLanguageModeling(tokens, 0.2), TestContext.Current.CancellationToken);

        Assert.Equal(["checkpoints", "metrics.jsonl", "model", "timings.jsonl", "tokens"], Directory.EnumerateFileSystemEntries(folder["run"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(["step-000010", "step-000012"], Directory.EnumerateDirectories(Path.Combine(folder["run"], "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(["config.json", "model.safetensors", "tokenizer.json"], Directory.EnumerateFiles(result.ModelFolder).Select(Path.GetFileName).Intersect(["config.json", "model.safetensors", "tokenizer.json"]).Order(StringComparer.Ordinal));
        Assert.Equal(12 * 3 * 11, result.Tokens);
        Assert.NotNull(result.ValidationLoss);

        // Saved are the 32-bit values, which the model has too.
        using GptModel saved = GptModel.FromPretrained(result.ModelFolder);
        foreach (var (a, b) in model.parameters().Zip(saved.parameters())) Assert.Equal(Values(a), Values(b));
        Assert.Contains(Values(saved.parameters().First()), v => BitConverter.SingleToUInt32Bits(v) << 16 != 0);

        JsonNode[] lines = [.. Tiny.Metrics(folder["run"]).Select(line => JsonNode.Parse(line)!)];
        Assert.Equal(["4 validationLoss", "5 loss", "8 validationLoss", "10 loss", "12 loss", "12 validationLoss"],
            lines.Select(line => $"{line["step"]} {(line["loss"] is null ? "validationLoss" : "loss")}"));
        Assert.Equal(result.ValidationLoss, lines[^1]["validationLoss"]!.GetValue<double>());
        Assert.Equal(12 * 3 * 11, lines[^2]["tokens"]!.GetValue<long>());
        Assert.Equal(3, File.ReadAllLines(Path.Combine(folder["run"], "timings.jsonl")).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Loss_RaggedMicroBatches_SumToTheLargeBatch(bool even)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = Tiny.Model(even ? Tiny.Even : Tiny.Odd);
        using var flat = new FlatParameters(model, Precision.Float32);
        var objective = new RowsObjective();
        Batch large = objective.Rows(5, 0, 6);
        Tensor whole = objective.Loss(model, large, large.ValidTargets);
        whole.backward();
        flat.Collect();
        Tensor expected = flat.StepGradient.clone();
        flat.Gradient.zero_();

        double sum = 0;
        var valid = new List<long>();
        foreach (long row in new[] { 0, 2, 4 })
        {
            Batch small = objective.Rows(5, row, 2);
            valid.Add(small.ValidTargets);
            Tensor loss = objective.Loss(model, small, large.ValidTargets);
            loss.backward();
            flat.Collect(accumulate: true);
            sum += loss.item<float>();
        }

        Assert.True(valid.Distinct().Count() > 1, "The micro-batches should differ in their targets.");
        Assert.Equal(whole.item<float>(), sum, 1e-6);
        Assert.True((flat.StepGradient - expected).abs().max().item<float>() < 1e-6);
    }

    [Fact]
    public void Run_Accumulation_TakesTheStepsOfTheLargeBatch()
    {
        double[][] losses = [.. new[] { (6, 1), (2, 3), (1, 6) }.Select(shape =>
        {
            using var model = Tiny.Model(Tiny.Even);
            string output = folder[$"run{shape.Item2}"];
            Tiny.Train(model, new RowsObjective(), Tiny.Options(output, 6) with { BatchSize = shape.Item1, AccumulationSteps = shape.Item2, EvaluateEvery = 0 });
            return Tiny.Metrics(output).Select(line => JsonNode.Parse(line)!["loss"]?.GetValue<double>()).OfType<double>().ToArray();
        })];
        Assert.Equal(6, losses[0].Length);
        for (int step = 0; step < 6; step++)
        {
            Assert.Equal(losses[0][step], losses[1][step], 2e-6);
            Assert.Equal(losses[0][step], losses[2][step], 2e-6);
        }
    }

    [Fact]
    public void Run_Evaluation_WeighsByTargetsWithoutDropout()
    {
        using var model = Tiny.Model(Tiny.Even with { Dropout = 0.5 });
        var objective = new RowsObjective(evaluationRows: 7);
        var seen = new List<double?>();
        var options = Tiny.Options(folder["run"], 3) with
        {
            LearningRate = 1e-30,
            WeightDecay = 0,
            EvaluationBatches = 0,
            Callbacks = [new Tiny.AfterStep((run, _) => seen.Add(run.Evaluate()?.Loss))],
        };
        TrainingResult result = Tiny.Train(model, objective, options);

        using DisposeScope scope = NewDisposeScope();
        Batch all = objective.Rows(99, 0, 7);
        double expected = objective.Loss(model, all, all.ValidTargets).item<float>();
        Assert.Equal(3, seen.Count);
        Assert.All(seen, loss => Assert.Equal(expected, loss!.Value, 1e-5));
        Assert.Equal(expected, result.ValidationLoss!.Value, 1e-5);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_Average_IsEvaluatedAndSavedAndTheWeightsStay(Precision precision)
    {
        TrainingOptions options = Tiny.Options(folder["plain"]) with { Precision = precision, EvaluateEvery = 3 };
        using var plain = Tiny.Model(Tiny.Even);
        Tiny.Train(plain, new RowsObjective(), options);
        using var model = Tiny.Model(Tiny.Even);
        Tensor? average = null;
        var options2 = options with
        {
            Output = folder["average"],
            Average = new WeightAverageOptions { Decay = 0.5 },
            Callbacks = [new Tiny.AfterStep((run, step) => { if (run.IsLastStep) average = run.Average!.Values.clone().DetachFromDisposeScope(); })],
        };
        TrainingResult result = Tiny.Train(model, new RowsObjective(), options2);

        // Averaging changes nothing of the training.
        foreach (var (a, b) in plain.parameters().Zip(model.parameters())) Assert.Equal(Values(a), Values(b));
        using GptModel saved = GptModel.FromPretrained(result.ModelFolder);
        using (average)
        {
            using var flat = new FlatParameters(saved, Precision.Float32);
            Assert.Equal(Values(average!), Values(flat.Master));
        }
        if (precision == Precision.Float32)
        {
            using var again = GptModel.FromPretrained(result.ModelFolder);
            TrainingResult evaluated = Tiny.Train(again, new RowsObjective(), Tiny.Options(folder["again"], 2) with { LearningRate = 1e-30, WeightDecay = 0 });
            Assert.Equal(result.ValidationLoss!.Value, evaluated.ValidationLoss!.Value, 1e-6);
        }
        string raw = Path.Combine(folder["average"], "checkpoints", "step-000012", "model");
        using GptModel checkpoint = GptModel.FromPretrained(raw);
        foreach (var (a, b) in plain.parameters().Zip(checkpoint.parameters())) Assert.Equal(Values(a), Values(b));
    }

    [Fact]
    public void Run_CallbackThatChangesWeights_ChangesWhatIsAveraged()
    {
        using var model = Tiny.Model(Tiny.Even);
        double[]? averaged = null;
        var watch = new Tiny.AfterStep((run, step) =>
        {
            using Tensor average = run.Parameters.Find(model.final_norm.weight!, run.Average!.Values)!;
            averaged = Values(average).Select(value => (double)value).ToArray();
        });
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 4) with { Average = new() { Decay = 0.5 }, Callbacks = [new Half(model), watch] });
        Assert.All(averaged!, value => Assert.Equal(0.5, value));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Run_RelativeSteps_TellsTheirRates(bool rises)
    {
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(evaluationRows: 0), Tiny.Options(folder["run"], 3) with { Optimizer = new AdafactorOptions { RelativeStep = true, WarmupInit = rises } });
        Assert.Equal(rises ? [1e-6, 2e-6, 3e-6] : [0.01, 0.01, 0.01], Tiny.Metrics(folder["run"]).Select(line => JsonNode.Parse(line)!["learningRate"]!.GetValue<double>()));
    }

    /// <summary>Sets a norm's gains to a half after each update.</summary>
    private sealed class Half(GptModel model) : ITrainingCallback
    {
        public void OnUpdate(TrainingRun run) => model.final_norm.weight!.fill_(0.5);
    }

    [Fact]
    public void Run_FrozenParameters_StayAsTheyAre()
    {
        using var model = Tiny.Model(Tiny.Even);
        float[] before = Values(model.state_dict()["token_embedding"]);
        var update = new UpdateOptions { Rules = [new ParameterRule { Pattern = "token_embedding*", Frozen = true }] };
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Update = update });
        Assert.Equal(before, Values(model.state_dict()["token_embedding"]));
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void Run_RuleThatFitsNothing_LeavesTheFolderAlone()
    {
        using var model = Tiny.Model(Tiny.Even);
        var update = new UpdateOptions { Rules = [new ParameterRule { Pattern = "nothing" }] };
        Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Update = update }));
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Run_NothingHeldOut_HasNoValidationLoss()
    {
        using var model = Tiny.Model(Tiny.Even);
        TrainingResult result = Tiny.Train(model, new RowsObjective(evaluationRows: 0), Tiny.Options(folder["run"], 2));
        Assert.Null(result.ValidationLoss);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Run_LossNotFinite_StopsBeforeTheUpdateAndDumpsTheBatch(int accumulation)
    {
        using var model = Tiny.Model(Tiny.Even);
        var objective = new RowsObjective { PoisonedBatch = 7 };
        var options = Tiny.Options(folder["run"]) with { AccumulationSteps = accumulation };
        int step = accumulation == 1 ? 7 : 4;

        var e = Assert.Throws<NumericalException>(() => Tiny.Train(model, objective, options));

        Assert.Equal(("loss", step, double.NaN), (e.Fault.Quantity, e.Fault.Step, e.Fault.Value));
        string dump = Path.Combine(folder["run"], $"not-finite-step-00000{step}.txt");
        Assert.Equal($"The loss of step {step} is NaN. The batch is in {dump}. Lower the learning rate, lengthen the warm-up, or look at the data; the last checkpoint is not affected.", e.Message);
        string[] lines = File.ReadAllLines(dump);
        Assert.Equal($"step {step}, gradient norm NaN", lines[0]);
        Assert.StartsWith($"micro-batch 1 of {accumulation}: loss ", lines[1], StringComparison.Ordinal);
        Assert.Equal(accumulation * 3, lines.Count(line => line.Contains("inputs: ", StringComparison.Ordinal)));
        Assert.All(model.parameters(), p => Assert.All(Values(p), v => Assert.True(float.IsFinite(v))));
    }

    [Fact]
    public void Run_Cancelled_FinishesTheStepAndWritesACheckpoint()
    {
        using var stop = new CancellationTokenSource();
        using var model = Tiny.Model(Tiny.Even);
        var options = Tiny.Options(folder["run"]) with { Callbacks = [new Tiny.AfterStep((_, step) => { if (step.Step == 3) stop.Cancel(); })] };

        TrainingResult result = new Trainer(options).Run(model, new RowsObjective(), stop.Token);

        Assert.Equal((3, true), (result.Steps, result.Interrupted));
        Assert.True(File.Exists(Path.Combine(folder["run"], "checkpoints", "step-000003", "manifest.json")));
        Assert.True(File.Exists(Path.Combine(result.ModelFolder, "model.safetensors")));
    }

    [Fact]
    public void Run_CancelledBeforeTheFirstStep_WritesNothing()
    {
        using var model = Tiny.Model(Tiny.Even);
        TrainingResult result = new Trainer(Tiny.Options(folder["run"])).Run(model, new RowsObjective(), new CancellationToken(canceled: true));
        Assert.Equal((0, true, double.NaN), (result.Steps, result.Interrupted, result.TrainLoss));
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder["run"]));
    }

    [Fact]
    public void Run_FolderHoldsARun_IsRefusedAndUnchanged()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2));
        string[] before = Tiny.Metrics(folder["run"]);

        using var other = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(other, new RowsObjective(), Tiny.Options(folder["run"], 3)));

        Assert.Equal($"The folder '{folder["run"]}' already holds a run. Set Resume to go on with it, Overwrite to delete it, or choose another Output.", e.Message);
        Assert.Equal(before, Tiny.Metrics(folder["run"]));
    }

    [Fact]
    public void Run_Overwrite_DeletesTheRunAlone()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 6));
        File.WriteAllText(Path.Combine(folder["run"], "notes.txt"), "mine");

        using var again = Tiny.Model(Tiny.Even);
        Tiny.Train(again, new RowsObjective(), Tiny.Options(folder["run"], 2) with { Overwrite = true });

        Assert.Equal("mine", File.ReadAllText(Path.Combine(folder["run"], "notes.txt")));
        Assert.Equal(["step-000002"], Directory.EnumerateDirectories(Path.Combine(folder["run"], "checkpoints")).Select(Path.GetFileName));
        Assert.Equal(3, Tiny.Metrics(folder["run"]).Length);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_FailsBeforeItsFirstStep_LeavesTheFolderAsItWas(bool overwrites)
    {
        if (overwrites)
        {
            using GptModel former = Tiny.Model(Tiny.Even);
            Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 2));
        }
        Dictionary<string, byte[]> before = Files();

        using var model = Tiny.Model(Tiny.Even);
        Assert.Throws<TimeoutException>(() => Tiny.Train(model, new RowsObjective { Drawing = _ => throw new TimeoutException("does not fit") }, Tiny.Options(folder["run"], 3) with { Overwrite = overwrites }));

        Assert.Equal(before, Files());
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Overwrite = overwrites });
        Assert.Equal(4, Tiny.Metrics(folder["run"]).Length);
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));

        Dictionary<string, byte[]> Files() => Directory.Exists(folder["run"]) ? Directory.GetFiles(folder["run"], "*", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes) : [];
    }

    [Fact]
    public void Run_ResumingAfterAnOverwritingOneThatWasKilledBeforeItsFirstStep_GoesOnWithTheFormer()
    {
        using (var former = Tiny.Model(Tiny.Even)) Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 6) with { CheckpointEvery = 4 });
        Directory.CreateDirectory(folder["run/.former"]);
        foreach (string name in new[] { "model", "checkpoints", "metrics.jsonl", "timings.jsonl" }) Directory.Move(folder[$"run/{name}"], folder[$"run/.former/{name}"]);
        Directory.CreateDirectory(folder["run/checkpoints"]);
        Directory.CreateDirectory(folder["run/.deleted/model"]);
        string[] before = File.ReadAllLines(folder["run/.former/metrics.jsonl"]);

        using var model = Tiny.Model(Tiny.Even);
        TrainingResult result = Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 6) with { CheckpointEvery = 4, Resume = true });

        Assert.Equal(6, result.Steps);
        Assert.Equal(before, Tiny.Metrics(folder["run"]));
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));
    }

    [Theory]
    [InlineData("model")]
    [InlineData("model", "checkpoints")]
    [InlineData("model", "checkpoints", "metrics.jsonl")]
    [InlineData("checkpoints", "metrics.jsonl", "timings.jsonl")]   // while they are moved back
    [InlineData]
    public void Run_ResumingAfterOneThatWasKilledWhileAFormerRunWasMoved_GoesOnWithTheFormer(params string[] moved)
    {
        using (var former = Tiny.Model(Tiny.Even)) Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 6) with { CheckpointEvery = 4 });
        Dictionary<string, byte[]> before = Files();
        Directory.CreateDirectory(folder["run/.former.partial"]);
        foreach (string name in moved) Directory.Move(folder[$"run/{name}"], folder[$"run/.former.partial/{name}"]);

        using var model = Tiny.Model(Tiny.Even);
        Assert.Throws<TimeoutException>(() => Tiny.Train(model, new RowsObjective { Drawing = _ => throw new TimeoutException("does not fit") }, Tiny.Options(folder["run"], 7) with { CheckpointEvery = 4, Resume = true }));

        Assert.Equal(before, Files());
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));

        Dictionary<string, byte[]> Files() => Directory.GetFiles(folder["run"], "*", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes);
    }

    [Fact]
    public void Run_CancelledBeforeItsFirstStep_LeavesTheFolderAsItWas()
    {
        using (var former = Tiny.Model(Tiny.Even)) Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 2));
        Dictionary<string, byte[]> before = Files();
        using var cancelled = new CancellationTokenSource();
        cancelled.Cancel();

        using var model = Tiny.Model(Tiny.Even);
        TrainingResult result = new Trainer(Tiny.Options(folder["run"], 3) with { Overwrite = true, Callbacks = [new HtmlReport()] }).Run(model, new RowsObjective(), cancelled.Token);

        Assert.Equal((true, 0), (result.Interrupted, result.Steps));
        Assert.Equal(before, Files());

        Dictionary<string, byte[]> Files() => Directory.GetFiles(folder["run"], "*", SearchOption.AllDirectories).ToDictionary(f => f, File.ReadAllBytes);
    }

    [Fact]
    public void Run_FirstLossIsNotFinite_LeavesTheRunThatItWouldOverwrite()
    {
        using (var former = Tiny.Model(Tiny.Even)) Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 2));
        string[] before = Tiny.Metrics(folder["run"]);

        using GptModel model = Tiny.Model(Tiny.Even);
        using (no_grad()) model.final_norm.weight.fill_(float.NaN);
        var report = new HtmlReport();
        var fault = Assert.Throws<NumericalException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Overwrite = true, Callbacks = [report] }));
        report.Fail(fault);

        Assert.True(File.Exists(fault.Fault.Dump));
        Assert.Equal(before, Tiny.Metrics(folder["run"]));
        Assert.True(File.Exists(folder["run/model/model.safetensors"]));
        Assert.False(File.Exists(folder["run/report.html"]));
        Assert.False(File.Exists(folder["run/faults.jsonl"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Run_FailsBeforeItsFirstStep_LeavesFilesThatAreNoRuns(bool overwrites)
    {
        string events = folder["run/events.out.tfevents.1.mine"];
        Directory.CreateDirectory(folder["run"]);
        File.WriteAllText(events, "mine");

        using var model = Tiny.Model(Tiny.Even);
        Assert.Throws<TimeoutException>(() => Tiny.Train(model, new RowsObjective { Drawing = _ => throw new TimeoutException("does not fit") }, Tiny.Options(folder["run"], 3) with { Overwrite = overwrites }));
        Assert.Equal([events], Directory.GetFileSystemEntries(folder["run"]));

        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Overwrite = overwrites });
        Assert.Equal("mine", File.ReadAllText(events));
    }

    [Fact]
    public void Run_OverwritingAfterOneThatWasKilledBeforeItsFirstStep_StartsAnew()
    {
        using (var former = Tiny.Model(Tiny.Even)) Tiny.Train(former, new RowsObjective(), Tiny.Options(folder["run"], 6));
        Directory.CreateDirectory(folder["run/.former.partial"]);
        Directory.Move(folder["run/model"], folder["run/.former.partial/model"]);

        using var model = Tiny.Model(Tiny.Even);
        Assert.Contains("already holds a run", Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2))).Message);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2) with { Overwrite = true });
        Assert.Empty(Directory.GetDirectories(folder["run"], ".*"));
        Assert.Equal(["step-000002"], Directory.EnumerateDirectories(folder["run/checkpoints"]).Select(Path.GetFileName));
    }

    [Fact]
    public void Run_DataTooShort_LeavesAFormerRunAlone()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2));
        using TokenStore tokens = TokenStore.Build(["short"], new CharTokenizer(31), folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);

        using var again = Tiny.Model(Tiny.Even);
        Assert.Throws<CorpusException>(() => new Trainer(Tiny.Options(folder["run"], 2) with { Overwrite = true }).Run(again, new CausalLanguageModeling(tokens, 0), TestContext.Current.CancellationToken));
        Assert.Throws<CorpusException>(() => new Trainer(Tiny.Options(folder["new"], 2)).Run(again, new CausalLanguageModeling(tokens, 0), TestContext.Current.CancellationToken));

        Assert.True(File.Exists(Path.Combine(folder["run"], "model", "model.safetensors")));
        Assert.False(Directory.Exists(folder["new"]));
    }

    [Fact]
    public void Run_OutputIsAFile_IsRefused()
    {
        File.WriteAllText(folder["file"], "");
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["file"])));
        Assert.Equal($"Output ('{folder["file"]}') is a file; it must name a folder.", e.Message);
    }

    [Fact]
    public void Run_Meter_PublishesTheSteps()
    {
        var seen = new Dictionary<string, double>();
        int thread = Environment.CurrentManagedThreadId;
        using var listener = new MeterListener { InstrumentPublished = (instrument, l) => { if (instrument.Meter.Name == "PreTrain") l.EnableMeasurementEvents(instrument); } };
        listener.SetMeasurementEventCallback<double>((instrument, value, _, _) =>
        {
            if (Environment.CurrentManagedThreadId == thread) seen[instrument.Name] = value;   // tests run side by side
        });
        listener.Start();
        using var model = Tiny.Model(Tiny.Even);
        TrainingStep? last = null;
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 3) with { Callbacks = [new Tiny.AfterStep((_, step) => last = step)] });

        Assert.Equal(last!.Loss, seen["pretrain.training.loss"]);
        Assert.Equal(last.TokensPerSecond, seen["pretrain.training.tokens_per_second"]);
        Assert.Equal(last.LearningRate, seen["pretrain.training.learning_rate"]);
        Assert.Equal(last.GradientNorm, seen["pretrain.training.gradient_norm"]);
        Assert.True(seen["pretrain.training.validation_loss"] > 0);
    }

    [Fact]
    public void Run_Callbacks_SeeEveryHookInOrder()
    {
        var calls = new List<string>();
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2) with { CheckpointEvery = 1, Callbacks = [new Recorder(calls)] });
        Assert.Equal(["start 0", "step 1", "checkpoint step-000001", "evaluation 2", "step 2", "checkpoint step-000002", "end 2"], calls);
    }

    private sealed class Recorder(List<string> calls) : ITrainingCallback
    {
        public void OnStart(TrainingRun run) => calls.Add($"start {run.Step}");

        public void OnStep(TrainingRun run, TrainingStep step) => calls.Add($"step {step.Step}");

        public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => calls.Add($"evaluation {run.Step}");

        public void OnCheckpoint(TrainingRun run, string folder) => calls.Add($"checkpoint {Path.GetFileName(folder)}");

        public void OnEnd(TrainingRun run, TrainingResult result) => calls.Add($"end {result.Steps}");
    }
}

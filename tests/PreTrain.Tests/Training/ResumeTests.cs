using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Training;

[Collection(DefaultGenerator.Name)]
public sealed class ResumeTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32, true, 1, 7)]
    [InlineData(Precision.Float32, false, 2, 6)]
    [InlineData(Precision.BFloat16, true, 2, 7)]
    [InlineData(Precision.BFloat16, false, 1, 9)]
    public void Run_CrashedThenResumed_EndsBitForBitAsTheUninterrupted(Precision precision, bool even, int accumulation, int crash)
    {
        GptConfig config = (even ? Tiny.Even : Tiny.Odd) with { Dropout = 0.2 };
        TrainingOptions Options(string output) => Tiny.Options(output) with { Precision = precision, AccumulationSteps = accumulation };
        using (var straight = Tiny.Model(config)) Tiny.Train(straight, new RowsObjective(), Options(folder["a"]));

        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == crash) throw new TimeoutException("killed"); });
        using (var crashed = Tiny.Model(config))
            Assert.Throws<TimeoutException>(() => Tiny.Train(crashed, new RowsObjective(), Options(folder["b"]) with { Callbacks = [dies] }));
        File.AppendAllText(Path.Combine(folder["b"], "metrics.jsonl"), "{\"step\":8,\"lo");   // the line that it was writing
        using (var resumed = Tiny.Model(config, seed: 4)) Tiny.Train(resumed, new RowsObjective(), Options(folder["b"]) with { Resume = true });

        AssertSame("a", "b");
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_CancelledTwiceThenResumed_EndsBitForBitAsTheUninterrupted(Precision precision)
    {
        GptConfig config = Tiny.Even with { Dropout = 0.1 };
        TrainingOptions Options(string output) => Tiny.Options(output) with { Precision = precision, AccumulationSteps = 2, LogEvery = 5 };
        using (var straight = Tiny.Model(config)) Tiny.Train(straight, new RowsObjective(), Options(folder["a"]));

        foreach (int draw in new[] { 6, 10, 1000 })   // cancelled between the two micro-batches of a step
        {
            using var stop = new CancellationTokenSource();
            var objective = new RowsObjective { Drawing = n => { if (n == draw) stop.Cancel(); } };
            using var model = Tiny.Model(config);
            TrainingResult result = new Trainer(Options(folder["b"]) with { Resume = true }).Run(model, objective, stop.Token);
            Assert.Equal(draw < 1000, result.Interrupted);
        }

        AssertSame("a", "b");
    }

    public static TheoryData<string> Optimizers => ["sgd", "adam", "adamax", "rmsprop", "adagrad", "adafactor", "lion", "lamb", "muon", "adamw8bit"];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Run_AnyOptimizerWithAllChoicesCrashedThenResumed_EndsBitForBitAsTheUninterrupted(string name)
    {
        IOptimizerOptions optimizer = ((IOptimizerOptions[])
        [
            new SgdOptions(), new AdamOptions(), new AdamaxOptions(), new RmsPropOptions(), new AdagradOptions(), new AdafactorOptions(), new LionOptions(), new LambOptions(), new MuonOptions(), new AdamW8BitOptions(),
        ]).Single(o => o.Name == name);
        bool exponential = name.Length % 2 == 0;
        TrainingOptions Options(string output) => Tiny.Options(output) with
        {
            Precision = exponential ? Precision.BFloat16 : Precision.Float32,
            AccumulationSteps = 2,
            MeasureGradientNoise = true,
            Optimizer = optimizer,
            EvaluateEvery = 1,
            Plateau = new PlateauOptions { Patience = 0, Threshold = 0.2 },
            Average = new WeightAverageOptions { Kind = exponential ? WeightAverageKind.Exponential : WeightAverageKind.Equal, Decay = 0.7, StartStep = 3 },
            Update = new UpdateOptions { LayerDecay = 0.8, ClipValue = 0.1, Rules = [new ParameterRule { Pattern = "*position*", Frozen = true }] },
        };
        using (var straight = Tiny.Model(Tiny.Even)) Tiny.Train(straight, new RowsObjective(), Options(folder["a"]));

        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); });
        using (var crashed = Tiny.Model(Tiny.Even))
            Assert.Throws<TimeoutException>(() => Tiny.Train(crashed, new RowsObjective(), Options(folder["b"]) with { Callbacks = [dies] }));
        using (var resumed = Tiny.Model(Tiny.Even, seed: 4)) Tiny.Train(resumed, new RowsObjective(), Options(folder["b"]) with { Resume = true });

        AssertSame("a", "b");
        string average = Path.Combine("checkpoints", "step-000012", "average.safetensors");
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], average)), File.ReadAllBytes(Path.Combine(folder["b"], average)));
        string[] lines = Tiny.Metrics(folder["a"]);
        Assert.Contains(lines, line => line.Contains("gradientNoiseScale", StringComparison.Ordinal));
        JsonNode state = JsonNode.Parse(File.ReadAllText(Path.Combine(folder["a"], "checkpoints", "step-000012", "state.json")))!;
        Assert.True(state["plateau"]!["scale"]!.GetValue<double>() < 1);
        Assert.Equal(name, state["identity"]!["optimizer"]!.GetValue<string>());
    }

    [Fact]
    public void Run_OtherOptimizer_IsRefused()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 2));
        using var again = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(again, new RowsObjective(), Tiny.Options(folder["a"], 4) with { Resume = true, Optimizer = new LionOptions() }));
        Assert.Contains("cannot be resumed with other settings: optimizer (checkpoint: missing, now: \"lion\").", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(null, "*norm*", "frozen (checkpoint: missing, now: [")]
    [InlineData("*norm*", null, ", now: missing)")]
    [InlineData("*norm*", "*position*", "now: [\"position_embedding\"])")]
    public void Run_OtherFrozenParameters_IsRefused(string? former, string? now, string difference)
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Frozen(former));
        using var again = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(again, new RowsObjective(), Frozen(now) with { Steps = 4, Resume = true }));
        Assert.Contains(difference, e.Message, StringComparison.Ordinal);
        Assert.Contains("Frozen must name the same parameters: for what is frozen, the optimizer has no state.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FrozenInACheckpointOfAFormerVersion_GoesOn()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Frozen("*norm*"));
        string checkpoint = folder["a/checkpoints/step-000002"], state = Path.Combine(checkpoint, "state.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(state))!;
        Assert.True(json["identity"]!.AsObject().Remove("frozen"));
        File.WriteAllText(state, json.ToJsonString());
        File.Delete(Path.Combine(checkpoint, "manifest.json"));
        Manifest.Create(checkpoint).Save(checkpoint);

        using var again = Tiny.Model(Tiny.Even);
        Assert.Equal(4, Tiny.Train(again, new RowsObjective(), Frozen("*norm*") with { Steps = 4, Resume = true }).Steps);
    }

    private TrainingOptions Frozen(string? pattern) => Tiny.Options(folder["a"], 2) with { Update = new() { Rules = pattern is null ? [] : [new() { Pattern = pattern, Frozen = true }] } };

    [Fact]
    public void Run_ResumedWhenDone_ReportsTheSame()
    {
        TrainingResult first, second;
        using (var model = Tiny.Model(Tiny.Even)) first = Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"]));
        byte[] metrics = File.ReadAllBytes(Path.Combine(folder["a"], "metrics.jsonl"));
        Directory.Delete(first.ModelFolder, recursive: true);   // killed between the last checkpoint and the model
        using (var model = Tiny.Model(Tiny.Even)) second = Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"]) with { Resume = true });

        Assert.Equal((first.Steps, first.Tokens, first.TrainLoss, first.ValidationLoss, false), (second.Steps, second.Tokens, second.TrainLoss, second.ValidationLoss, second.Interrupted));
        Assert.Equal(0, second.TokensPerSecond);
        Assert.Equal(metrics, File.ReadAllBytes(Path.Combine(folder["a"], "metrics.jsonl")));
        Assert.True(File.Exists(Path.Combine(second.ModelFolder, "model.safetensors")));
    }

    [Theory]
    [InlineData("truncated model")]
    [InlineData("flipped bit")]
    [InlineData("no manifest")]
    [InlineData("no state")]
    [InlineData("empty folder")]
    public void Run_NewestCheckpointBroken_FallsBackAndSaysSo(string damage)
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 10));
        Copy(folder["a"], folder["b"]);
        string newest = Path.Combine(folder["b"], "checkpoints", "step-000010");
        string weights = Path.Combine(newest, "model", "model.safetensors"), optimizer = Path.Combine(newest, "optimizer.safetensors");
        string named;
        switch (damage)
        {
            case "truncated model":
                named = weights;
                using (var stream = new FileStream(weights, FileMode.Open)) stream.SetLength(stream.Length - 1);
                break;
            case "flipped bit":
                named = optimizer;
                byte[] bytes = File.ReadAllBytes(optimizer);
                bytes[bytes.Length / 2] ^= 4;
                File.WriteAllBytes(optimizer, bytes);
                break;
            case "no manifest":
                named = Path.Combine(newest, "manifest.json");
                File.Delete(named);
                break;
            case "no state":
                named = Path.Combine(newest, "state.json");
                File.Delete(named);
                break;
            default:
                named = newest;
                Directory.Delete(newest, recursive: true);
                Directory.CreateDirectory(newest);
                break;
        }

        var log = new Tiny.ListLogger();
        using (var model = Tiny.Model(Tiny.Even, seed: 8)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["b"], 10) with { Resume = true, Logger = log });

        Assert.Contains(log.Lines, line => line.StartsWith($"Warning: Skipped a broken checkpoint: {named}", StringComparison.Ordinal));
        Assert.Contains($"Information: Resuming from {Path.Combine(folder["b"], "checkpoints", "step-000005")}.", log.Lines);
        AssertSame("a", "b", "step-000010");
    }

    [Fact]
    public void Run_AllCheckpointsBroken_NamesThemAndChangesNothing()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 6));
        string checkpoints = Path.Combine(folder["a"], "checkpoints");
        foreach (string path in Directory.EnumerateDirectories(checkpoints)) File.WriteAllText(Path.Combine(path, "state.json"), "{}");
        byte[] metrics = File.ReadAllBytes(Path.Combine(folder["a"], "metrics.jsonl"));

        using var again = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<CheckpointException>(() => Tiny.Train(again, new RowsObjective(), Tiny.Options(folder["a"], 9) with { Resume = true }));

        Assert.StartsWith($"{checkpoints}: no checkpoint can be used. ", e.Message, StringComparison.Ordinal);
        Assert.Contains("step-000005", e.Message, StringComparison.Ordinal);
        Assert.Contains("step-000006", e.Message, StringComparison.Ordinal);
        Assert.Equal(metrics, File.ReadAllBytes(Path.Combine(folder["a"], "metrics.jsonl")));
    }

    [Fact]
    public void Run_NothingToResume_StartsFromTheBeginningAndSaysSo()
    {
        var log = new Tiny.ListLogger();
        using var model = Tiny.Model(Tiny.Even);
        TrainingResult result = Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 2) with { Resume = true, Logger = log });
        Assert.Equal(2, result.Steps);
        Assert.Contains($"Warning: There is no checkpoint in {folder["a"]}; the training starts from the beginning.", log.Lines);
    }

    [Fact]
    public void Run_OtherSettings_AreRefusedByName()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 2));

        using var other = Tiny.Model(Tiny.Even with { EmbeddingDim = 64 });
        var options = Tiny.Options(folder["a"], 4) with { Resume = true, BatchSize = 5, AccumulationSteps = 2, Precision = Precision.BFloat16 };
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(other, new RowsObjective(length: 7), options));

        Assert.Equal($"The run in '{folder["a"]}' cannot be resumed with other settings: architecture.n_embd (checkpoint: 32, now: 64), "
            + "objective.length (checkpoint: 11, now: 7), batchSize (checkpoint: 3, now: 5), accumulationSteps (checkpoint: 1, now: 2), "
            + "precision (checkpoint: \"Float32\", now: \"BFloat16\"). Use those of the checkpoint, or another Output.", e.Message);
        Assert.Throws<ArgumentException>(() => Tiny.Train(other, new RowsObjective(), Tiny.Options(folder["a"], 4) with { Resume = true, Seed = 18 }));
    }

    [Fact]
    public void Run_OtherLearningRateOrMoreSteps_GoesOnAndSaysSo()
    {
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 2));
        var log = new Tiny.ListLogger();
        using var again = Tiny.Model(Tiny.Even);
        TrainingResult result = Tiny.Train(again, new RowsObjective(), Tiny.Options(folder["a"], 4) with { Resume = true, Logger = log });
        Assert.Equal(4, result.Steps);
        Assert.Contains("Warning: The resumed run goes on with changed settings: steps (checkpoint: 2, now: 4)", log.Lines);

        using var fewer = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(fewer, new RowsObjective(), Tiny.Options(folder["a"], 3) with { Resume = true }));
        Assert.Equal($"The run in '{folder["a"]}' is at step 4 already; Steps (3) must be at least that.", e.Message);
    }

    [Fact]
    public void Differences_AnEntryThatIsNullOrMissing_IsTheSame()
    {
        JsonObject Of(string json) => JsonNode.Parse(json)!.AsObject();

        Assert.Empty(CheckpointState.Differences(Of("""{"a":{"b":1}}"""), Of("""{"a":{"b":1,"later":null},"new":null}""")));
        Assert.Equal(["a.b (checkpoint: 1, now: missing)", "c (checkpoint: missing, now: 2)"], CheckpointState.Differences(Of("""{"a":{"b":1},"c":null}"""), Of("""{"a":{"b":null},"c":2}""")));
    }

    [Fact]
    public void Differences_OfLongValues_ShowWhereTheyBegin()
    {
        JsonObject Of(string word) => new() { ["labels"] = new JsonArray([.. Enumerable.Range(0, 500).Select(i => (JsonNode)(i == 200 ? word : $"label {i}"))]) };

        string difference = Assert.Single(CheckpointState.Differences(Of("cat"), Of("a dog")));

        Assert.StartsWith("labels (checkpoint: …", difference, StringComparison.Ordinal);
        Assert.Contains("\"cat\"", difference, StringComparison.Ordinal);
        Assert.Contains("\"a dog\"", difference, StringComparison.Ordinal);
        Assert.True(difference.Length < 500, difference);
    }

    private sealed class Described(int every) : ITrainingCallback
    {
        public JsonObject Describe() => new() { ["every"] = every };
    }

    [Fact]
    public void Run_ACallbackThatIsDescribedOtherwise_GoesOnAndSaysSo()
    {
        TrainingOptions Options(int steps, int every) => Tiny.Options(folder["a"], steps) with { Callbacks = [new Described(every), new Tiny.AfterStep((_, _) => { })] };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Options(2, 5));
        var log = new Tiny.ListLogger();
        using (var again = Tiny.Model(Tiny.Even)) Tiny.Train(again, new RowsObjective(), Options(2, 5) with { Resume = true, Logger = log });
        Assert.DoesNotContain(log.Lines, line => line.Contains("changed settings", StringComparison.Ordinal));
        using (var again = Tiny.Model(Tiny.Even)) Tiny.Train(again, new RowsObjective(), Options(2, 7) with { Resume = true, Logger = log });
        Assert.Contains("""Warning: The resumed run goes on with changed settings: callbacks (checkpoint: [{"Described":{"every":5}}], now: [{"Described":{"every":7}}])""", log.Lines);
    }

    [Fact]
    public void Run_DiskFull_KeepsTheCheckpointBefore()
    {
        using (var model = new FullDisk(Tiny.Model(Tiny.Even)) { FailingSave = 2 })
        {
            var e = Assert.Throws<CheckpointException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"])));
            string checkpoints = Path.Combine(folder["a"], "checkpoints");
            Assert.Equal($"{Path.Combine(checkpoints, "step-000010")}: the checkpoint could not be written: No space left on device "
                + $"The one before, {Path.Combine(checkpoints, "step-000005")}, is complete; a resumed run goes on from there.", e.Message);
            Assert.Equal(["step-000005"], Directory.EnumerateFileSystemEntries(checkpoints).Select(Path.GetFileName));
        }

        using (var straight = new FullDisk(Tiny.Model(Tiny.Even))) Tiny.Train(straight, new RowsObjective(), Tiny.Options(folder["b"]));
        using (var resumed = new FullDisk(Tiny.Model(Tiny.Even, seed: 9))) Tiny.Train(resumed, new RowsObjective(), Tiny.Options(folder["a"]) with { Resume = true });
        AssertSame("a", "b");
    }

    [Fact]
    public void Run_ManyCheckpoints_KeepsTheNewest()
    {
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["a"], 7) with { CheckpointEvery = 2, KeepCheckpoints = 3 });
        Assert.Equal(["step-000004", "step-000006", "step-000007"], Directory.EnumerateDirectories(Path.Combine(folder["a"], "checkpoints")).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Run_KilledBeforeTheLastCheckpointsPredecessorsWereDeleted_DeletesThem()
    {
        TrainingOptions options = Tiny.Options(folder["a"], 6) with { CheckpointEvery = 2, KeepCheckpoints = 2 };
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, new RowsObjective(), options);
        string checkpoints = Path.Combine(folder["a"], "checkpoints");
        Copy(Path.Combine(checkpoints, "step-000004"), Path.Combine(checkpoints, "step-000002"));
        using var resumed = Tiny.Model(Tiny.Even);
        Tiny.Train(resumed, new RowsObjective(), options with { Resume = true });
        Assert.Equal(["step-000004", "step-000006"], Directory.EnumerateDirectories(checkpoints).Select(Path.GetFileName).Order(StringComparer.Ordinal));
    }

    private void AssertSame(string a, string b, string checkpoint = "step-000012")
    {
        Assert.Equal(File.ReadAllText(Path.Combine(folder[a], "metrics.jsonl")), File.ReadAllText(Path.Combine(folder[b], "metrics.jsonl")));
        foreach (string file in new[] { Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", checkpoint, "optimizer.safetensors"), Path.Combine("checkpoints", checkpoint, "state.json") })
            Assert.True(File.ReadAllBytes(Path.Combine(folder[a], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder[b], file))), file);
    }

    private static void Copy(string from, string to)
    {
        foreach (string path in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(to, Path.GetRelativePath(from, path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target);
        }
    }
}

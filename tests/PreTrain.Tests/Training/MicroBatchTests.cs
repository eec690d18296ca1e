using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Tests.Training;

[Collection(DefaultGenerator.Name)]
public sealed class MicroBatchTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.BFloat16, true)]
    public void Run_MemoryForThreeRows_HalvesUntilItFitsWithTheSameLosses(Precision precision, bool backward)
    {
        TrainingOptions Named(string name) => Tiny.Options(folder[name], 8) with { BatchSize = 11, Precision = precision, CheckpointEvery = 4 };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Named("whole"));
        var objective = new RowsObjective { MostRows = 3, FailsBackward = backward };
        var log = new Tiny.ListLogger();
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, objective, Named("small") with { Logger = log });

        Assert.Equal(Enumerable.Repeat<int[]>([3, 3, 3, 2], 8).SelectMany(rows => rows), objective.Sizes.Skip(2));
        Assert.Equal([11, 6], objective.Sizes.Take(2));
        Assert.Equal(2, log.Lines.Count(line => line.StartsWith("Warning: Step 1: memory is not enough for ", StringComparison.Ordinal)));
        double[] expected = Losses("whole"), actual = Losses("small");
        Assert.Equal(8, expected.Length);
        for (int step = 0; step < 8; step++) Assert.Equal(expected[step], actual[step], precision == Precision.Float32 ? 1e-5 : 0.02);

        // A resumed run goes on with the rows that fit.
        var later = new RowsObjective { MostRows = 3 };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, later, Named("small") with { Steps = 9, Resume = true });
        Assert.Equal([3, 3, 3, 2], later.Sizes);

        // Also where more are asked for.
        later.Sizes.Clear();
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, later, Named("small") with { Steps = 10, Resume = true, MicroBatchSize = 6 });
        Assert.Equal([3, 3, 3, 2], later.Sizes);
    }

    [Theory]
    [InlineData(4, 3, new[] { 3, 3 })]
    [InlineData(2, 3, new[] { 3, 3 })]
    [InlineData(2, null, new[] { 6 })]
    public void Run_ResumedWithOtherRows_TakesThem(int former, int? rows, int[] expected)
    {
        TrainingOptions options = Tiny.Options(folder["run"], 2) with { BatchSize = 6 };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), options with { MicroBatchSize = former });
        var later = new RowsObjective();
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, later, options with { Steps = 3, MicroBatchSize = rows, Resume = true });
        Assert.Equal(expected, later.Sizes);
    }

    [Fact]
    public void Run_OutOfMemoryThenKilledThenResumed_EndsBitForBitAsTheUninterrupted()
    {
        TrainingOptions Named(string name) => Tiny.Options(folder[name]) with { BatchSize = 5, AccumulationSteps = 2, Precision = Precision.BFloat16 };
        static RowsObjective Objective() => new() { MostRows = 3, FailsBackward = true };
        using (var model = Tiny.Model(Tiny.Even with { Dropout = 0.2 })) Tiny.Train(model, Objective(), Named("a"));
        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == 7) throw new TimeoutException("killed"); });
        using (var model = Tiny.Model(Tiny.Even with { Dropout = 0.2 }))
            Assert.Throws<TimeoutException>(() => Tiny.Train(model, Objective(), Named("b") with { Callbacks = [dies] }));
        using (var model = Tiny.Model(Tiny.Even with { Dropout = 0.2 })) Tiny.Train(model, Objective(), Named("b") with { Resume = true });
        foreach (string file in new[] { "metrics.jsonl", Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000012", "state.json") })
            Assert.True(File.ReadAllBytes(Path.Combine(folder["a"], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder["b"], file))), file);
    }

    [Fact]
    public void Run_SingleRowDoesNotFit_SaysWhatToChange()
    {
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<InsufficientMemoryException>(() => Tiny.Train(model, new RowsObjective { MostRows = 0 }, Tiny.Options(folder["run"])));
        Assert.StartsWith("A single row of 11 tokens does not fit into memory: ", e.Message, StringComparison.Ordinal);
        Assert.Contains("Use a shorter context, a smaller model", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_RowsThatBelongTogether_AreNotCut()
    {
        using var model = Tiny.Model(Tiny.Even);
        var objective = new RowsObjective { MostRows = 2, CanSplit = false };
        var e = Assert.Throws<InsufficientMemoryException>(() => Tiny.Train(model, objective, Tiny.Options(folder["run"])));
        Assert.StartsWith("A batch of 3 rows does not fit into memory: ", e.Message, StringComparison.Ordinal);
        Assert.Contains("The objective 'rows' compares rows with each other, so that its batches cannot be cut. Use a smaller BatchSize,", e.Message, StringComparison.Ordinal);
        Assert.Equal([3], objective.Sizes);
    }

    [Fact]
    public void Run_OtherFaultOfLibtorch_IsNotTakenForMemory()
    {
        using var model = Tiny.Model(Tiny.Even);
        var objective = new RowsObjective { Drawing = _ => throw new ExternalException("mat1 and mat2 shapes cannot be multiplied") };
        Assert.Throws<ExternalException>(() => Tiny.Train(model, objective, Tiny.Options(folder["run"])));
    }

    [Theory]
    [InlineData(1, new[] { 1, 1, 1, 1, 1, 1 })]
    [InlineData(4, new[] { 4, 2 })]
    [InlineData(6, new[] { 6 })]
    [InlineData(99, new[] { 6 })]
    public void Run_AskedRows_AreThoseAtOnce(int rows, int[] expected)
    {
        var objective = new RowsObjective();
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, objective, Tiny.Options(folder["run"], 2) with { BatchSize = 6, MicroBatchSize = rows });
        Assert.Equal([.. expected, .. expected], objective.Sizes);
    }

    [Fact]
    public void Run_AutomaticRows_ChoosesAPowerOfTwoThatFitsAndStaysWithIt()
    {
        TrainingOptions Named(string name) => Tiny.Options(folder[name], 3) with { BatchSize = 12, MicroBatchSize = 0, CheckpointEvery = 2 };
        var objective = new RowsObjective { MostRows = 6 };
        var log = new Tiny.ListLogger();
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, objective, Named("run") with { Logger = log });
        int chosen = objective.Sizes[^1];
        Assert.Contains(chosen, new[] { 3, 6 });
        Assert.Contains($"Information: Micro-batches of {chosen} of 12 rows.", log.Lines);
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), Named("whole") with { MicroBatchSize = null });
        foreach (var (a, b) in Losses("whole").Zip(Losses("run"))) Assert.Equal(a, b, 1e-5);

        var later = new RowsObjective { MostRows = 6 };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, later, Named("run") with { Steps = 5, Resume = true });
        Assert.Equal(2 * 12 / chosen, later.Sizes.Count);
        Assert.All(later.Sizes, rows => Assert.Equal(chosen, rows));
    }

    [Theory]
    [InlineData(5, new[] { 2, 2, 1 })]
    [InlineData(10, new[] { 2, 2, 2, 2, 2 })]
    public void Run_AutomaticRowsOfWhichTheFewestDoNotFit_HalvesThem(int batch, int[] expected)
    {
        var objective = new RowsObjective { MostRows = 2, FailsBackward = true };
        TrainingOptions options = Tiny.Options(folder["run"], 2) with { BatchSize = batch, MicroBatchSize = 0 };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, objective, options);
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(), options with { Output = folder["whole"], MicroBatchSize = null });
        Assert.Equal([.. expected, .. expected], objective.Sizes.TakeLast(2 * expected.Length));
        foreach (var (a, b) in Losses("whole").Zip(Losses("run"))) Assert.Equal(a, b, 1e-5);
    }

    [Fact]
    public void Run_AutomaticRowsAreAll_StaysWithThem()
    {
        TrainingOptions options = Tiny.Options(folder["run"], 2) with { BatchSize = 3, MicroBatchSize = 0 };   // no halves, so that no clock chooses
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective(evaluationRows: 0) { MostRows = 3 }, options);

        var log = new Tiny.ListLogger();
        var later = new RowsObjective(evaluationRows: 0);
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, later, options with { Steps = 4, Resume = true, Logger = log });
        Assert.DoesNotContain(log.Lines, line => line.Contains("Micro-batches of", StringComparison.Ordinal));
        Assert.Equal([3, 3], later.Sizes);
    }

    [Theory]
    [InlineData(null, new[] { 5 })]
    [InlineData(3, new[] { 5 })]
    [InlineData(2, new[] { 2, 2, 1 })]
    public void Run_MoreRowsThanTheBatchSize_AreAtOnceUnlessAsked(int? rows, int[] expected)
    {
        var objective = new RowsObjective { RowsOfBatch = 5 };   // as packed texts have
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, objective, Tiny.Options(folder["run"], 2) with { BatchSize = 3, MicroBatchSize = rows });
        Assert.Equal([.. expected, .. expected], objective.Sizes);
    }

    private double[] Losses(string name) => [.. Tiny.Metrics(folder[name]).Select(line => JsonNode.Parse(line)!["loss"]?.GetValue<double>()).OfType<double>()];
}

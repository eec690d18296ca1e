using System.Text.Json.Nodes;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.Training;

[Collection(DefaultGenerator.Name)]
public sealed class HalfPrecisionTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Run_DeviceWithoutHalves_SaysSoAndTouchesNothing()
    {
        Assert.SkipWhen(HalfPrecision.IsSupported(CPU, out string? fault), "this libtorch multiplies halves on the processor");
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Half("run")));
        Assert.Equal($"Precision (Float16) must be one that the device 'cpu' computes with, and this libtorch says: {fault} Use Float32 or BFloat16, a CUDA device, or a newer libtorch.", e.Message);
        Assert.False(Directory.Exists(folder["run"]));
    }

    [Fact]
    public void Run_LearnableRows_LossFallsAsIn32Bits()
    {
        RequireHalves();
        double[][] losses = [.. new[] { Precision.Float32, Precision.Float16 }.Select(precision =>
        {
            using var model = Tiny.Model(Tiny.Odd);
            Tiny.Train(model, new RowsObjective(), Half(precision.ToString(), 40) with { Precision = precision });
            Assert.All(model.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
            return Losses(precision.ToString());
        })];
        Assert.True(losses[0][^1] < losses[0][0] - 0.5);
        foreach (var (a, b) in losses[0].Zip(losses[1])) Assert.Equal(a, b, 0.05);
        Assert.Equal(65536, Scale("Float16", 40));
    }

    [Fact]
    public void Run_Overflow_HalvesTheScaleAndGoesOnAsIfTheBatchWereNotThere()
    {
        RequireHalves();
        var log = new Tiny.ListLogger();
        // The loss is finite in 32 bits; its gradient in 16 bits is not.
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective { Factors = new Dictionary<long, double> { [21] = 1e8 } }, Half("a") with { Logger = log });
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, new RowsObjective { Omitted = [21] }, Half("b"));
        Assert.Contains(log.Lines, line => line == "Information: Step 8: a gradient overflows; its batches are passed over, and the loss scale goes from 65536 to 32768.");
        Assert.Equal((32768, 65536), (Scale("a", 12), Scale("b", 12)));
        double[] a = Losses("a"), b = Losses("b");
        Assert.Equal(12, a.Length);
        for (int step = 0; step < 12; step++) Assert.Equal(b[step], a[step], step < 8 ? 0 : 1e-3);
        Assert.False(File.Exists(Path.Combine(folder["a"], "faults.jsonl")));
    }

    [Fact]
    public void Run_OverflowThenKilledThenResumed_EndsBitForBitAsTheUninterrupted()
    {
        RequireHalves();
        RowsObjective Objective() => new() { Factors = new Dictionary<long, double> { [9] = 1e8, [27] = 1e8 } };
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Objective(), Half("a"));
        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == 9) throw new TimeoutException("killed"); });
        using (var model = Tiny.Model(Tiny.Even)) Assert.Throws<TimeoutException>(() => Tiny.Train(model, Objective(), Half("b") with { Callbacks = [dies] }));
        using (var model = Tiny.Model(Tiny.Even)) Tiny.Train(model, Objective(), Half("b") with { Resume = true });
        foreach (string file in new[] { "metrics.jsonl", Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000012", "state.json") })
            Assert.True(File.ReadAllBytes(Path.Combine(folder["a"], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder["b"], file))), file);
        Assert.Equal(16384, Scale("a", 12));
    }

    private static void RequireHalves() => Assert.SkipUnless(HalfPrecision.IsSupported(CPU, out string? fault), $"this libtorch has no halves on the processor: {fault}");

    private TrainingOptions Half(string name, int steps = 12) => Tiny.Options(folder[name], steps) with { Precision = Precision.Float16 };

    private double[] Losses(string name) => [.. Tiny.Metrics(folder[name]).Select(line => JsonNode.Parse(line)!["loss"]?.GetValue<double>()).OfType<double>()];

    private double Scale(string name, int step) =>
        JsonNode.Parse(File.ReadAllText(Path.Combine(folder[name], "checkpoints", $"step-{step:D6}", "state.json")))!["lossScale"]!["scale"]!.GetValue<double>();
}

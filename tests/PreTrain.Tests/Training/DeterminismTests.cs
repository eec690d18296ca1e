using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Tests.Training;

[Collection(DefaultGenerator.Name)]
public sealed class DeterminismTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, true)]
    public void Run_Twice_WritesTheSameBytes(Precision precision, bool even)
    {
        Assert.SkipUnless(DeterministicAlgorithms.IsSupported, "The provider has no deterministic mode.");
        var modes = new List<bool>();
        foreach (string name in new[] { "a", "b" })
        {
            using var model = Tiny.Model((even ? Tiny.Even : Tiny.Odd) with { Dropout = 0.1 });
            var options = Tiny.Options(folder[name], 20) with
            {
                BatchSize = 6,
                MicroBatchSize = 0,
                Precision = precision,
                Deterministic = true,
                Callbacks = [new Tiny.AfterStep((_, _) => modes.Add(DeterministicAlgorithms.AreEnabled))],
            };
            Tiny.Train(model, new RowsObjective(), options);
        }
        Assert.Equal(40, modes.Count(mode => mode));
        Assert.False(DeterministicAlgorithms.AreEnabled);
        string[] files = [.. Directory.EnumerateFiles(folder["a"], "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder["a"], file)).Where(file => file != "timings.jsonl")];
        Assert.Contains(Path.Combine("checkpoints", "step-000020", "optimizer.safetensors"), files);
        foreach (string file in files) Assert.True(File.ReadAllBytes(Path.Combine(folder["a"], file)).AsSpan().SequenceEqual(File.ReadAllBytes(Path.Combine(folder["b"], file))), file);
    }

    [Fact]
    public void Run_AutomaticRows_AreNotChosenByAClock()
    {
        Assert.SkipUnless(DeterministicAlgorithms.IsSupported, "The provider has no deterministic mode.");
        var objective = new RowsObjective();
        using var model = Tiny.Model(Tiny.Even);
        Tiny.Train(model, objective, Tiny.Options(folder["run"], 2) with { BatchSize = 6, MicroBatchSize = 0, Deterministic = true });
        Assert.Equal([6, 6], objective.Sizes);
    }

    [Fact]
    public void Run_ProviderWithoutTheSwitch_Throws()
    {
        Assert.SkipWhen(DeterministicAlgorithms.IsSupported, "The provider has a deterministic mode.");
        using var model = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => Tiny.Train(model, new RowsObjective(), Tiny.Options(folder["run"], 2) with { Deterministic = true }));
        Assert.Contains("-p:TorchProvider=System", e.Message);
        Assert.False(Directory.Exists(folder["run"]));
    }
}

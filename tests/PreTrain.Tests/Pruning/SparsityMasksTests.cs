using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Optimization;
using PreTrain.Pruning;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Pruning;

[Collection(DefaultGenerator.Name)]
public sealed class SparsityMasksTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public static TheoryData<string, Precision> Optimizers => new() { { "adamw", Precision.Float32 }, { "adamw", Precision.BFloat16 }, { "sgd", Precision.Float32 }, { "lion", Precision.BFloat16 }, { "muon", Precision.Float32 }, { "lamb", Precision.BFloat16 } };

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Run_PrunedModel_KeepsTheZerosAndLearnsTheRest(string name, Precision precision)
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        SparsityReport report = Pruner.Prune(model, new PruningOptions { Sparsity = 0.6 });
        Dictionary<string, bool[]> zeros = Zeros(model);
        Dictionary<string, byte[]> before = model.state_dict().ToDictionary(p => p.Key, p => Bytes(p.Value));
        List<long> seen = [], evaluated = [];
        using (var masks = new SparsityMasks(model))
        {
            TrainingOptions options = Options(name, precision, folder["run"]) with { Callbacks = [masks, new Tiny.AfterStep((_, _) => seen.Add(SparsityReport.Of(model).Zeros)), new Tiny.AfterEvaluation(_ => evaluated.Add(SparsityReport.Of(model).Zeros))] };
            Tiny.Train(model, new RowsObjective(), options);
        }
        Assert.Equal(Enumerable.Repeat(report.Zeros, 3), evaluated);   // what is measured is as sparse as what is saved
        Assert.Equal(Enumerable.Repeat(report.Zeros, 12), seen);
        Dictionary<string, bool[]> after = Zeros(model);
        Assert.All(zeros, pair => Assert.Equal(pair.Value, after[pair.Key]));
        Assert.All(before.Where(p => p.Key.Contains("blocks", StringComparison.Ordinal)), pair => Assert.NotEqual(pair.Value, Bytes(model.state_dict()[pair.Key])));
        Assert.All(model.modules().OfType<Projection>(), map => Assert.Null(map.Transform));
        using GptModel saved = GptModel.FromPretrained(Path.Combine(folder["run"], "model"));
        Assert.All(Zeros(saved), pair => Assert.Equal(zeros[pair.Key], pair.Value));
    }

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Run_CrashedThenResumed_EndsBitForBitAsTheUninterrupted(string name, Precision precision)
    {
        foreach (bool crash in new[] { false, true })
        {
            string output = folder[crash ? "b" : "a"];
            if (crash) Assert.Throws<TimeoutException>(() => Train(output, 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
            Train(output, crash ? 4ul : 3ul);   // what the model was when it resumes does not matter
        }
        SameModel(folder["a"], folder["b"]);

        void Train(string output, ulong seed, params ITrainingCallback[] others)
        {
            using GptModel model = Tiny.Model(Tiny.Even with { Dropout = 0.2 }, seed);
            Pruner.Prune(model, new PruningOptions { Sparsity = 0.6 });
            using var masks = new SparsityMasks(model);
            Tiny.Train(model, new RowsObjective(), Options(name, precision, output) with { Callbacks = [masks, .. others], Resume = Directory.Exists(output) });
        }
    }

    [Fact]
    public void Backward_ZeroWeights_GetNoGradient()
    {
        using DisposeScope scope = NewDisposeScope();
        using GptModel model = Tiny.Model(Tiny.Even), dense = Tiny.Model(Tiny.Even);
        foreach (GptModel m in new[] { model, dense }) Pruner.Prune(m, new PruningOptions { Sparsity = 0.6 });
        using var masks = new SparsityMasks(model);
        Tensor ids = arange(11, dtype: ScalarType.Int64).view(1, 11);
        foreach (GptModel m in new[] { model, dense }) m.Loss(ids, ids, 11).backward();
        foreach (var (name, parameter) in dense.named_parameters())
        {
            Tensor actual = model.named_parameters().Single(p => p.name == name).parameter.grad!, expected = parameter.grad!;
            if (name.Contains("blocks", StringComparison.Ordinal) && parameter.dim() == 2) expected = expected * parameter.ne(0);
            AssertClose(Doubles(expected), Doubles(actual), expected.size(-1), 1e-5, name, 1e-4);
        }
    }

    [Fact]
    public void Dispose_ManyTimes_LeavesNoTensor()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        Use();
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (int i = 0; i < 3; i++) Use();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Use()
        {
            using (new SparsityMasks(model)) { }
            using (new MovementPruning(model, new SparsitySchedule { EndStep = 1 })) { }
        }
    }

    [Fact]
    public void Run_PrunedModel_LeavesNoTensorOfItsSteps()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        Pruner.Prune(model, new PruningOptions());
        using var masks = new SparsityMasks(model);
        var live = new List<long>();
        Tiny.Train(model, new RowsObjective(), Options("adamw", Precision.BFloat16, folder["run"]) with { Steps = 60, Callbacks = [masks, new Tiny.AfterStep((_, _) => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount))] });
        Assert.Single(live.Skip(1).Distinct());
    }

    internal static TrainingOptions Options(string name, Precision precision, string output) => Tiny.Options(output) with
    {
        Precision = precision,
        WeightDecay = 0.3,
        Optimizer = name switch { "sgd" => new SgdOptions { Momentum = 0.9 }, "lion" => new LionOptions(), "muon" => new MuonOptions(), "lamb" => new LambOptions(), _ => null },
        Average = new WeightAverageOptions { Kind = WeightAverageKind.Exponential, Decay = 0.7 },
    };

    internal static void SameModel(string first, string second)
    {
        foreach (string file in new[] { Path.Combine("model", "model.safetensors"), Path.Combine("checkpoints", "step-000012", "average.safetensors"), "metrics.jsonl" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(first, file)), File.ReadAllBytes(Path.Combine(second, file)));
    }

    private static Dictionary<string, bool[]> Zeros(GptModel model) =>
        model.state_dict().Where(p => p.Key.Contains("blocks", StringComparison.Ordinal) && p.Key.EndsWith(".weight", StringComparison.Ordinal) && p.Value.dim() == 2)
            .ToDictionary(p => p.Key, p => Doubles(p.Value).Select(v => v == 0).ToArray());
}

using System.Text.Json.Nodes;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Pruning;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Pruning;

[Collection(nameof(RunsAlone))]
public sealed class PrunerTests : IDisposable
{
    private const int Width = 24;
    private static readonly BertConfig s_bert = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = Width,
        FeedForwardDim = 40,
        Dropout = 0,
        AttentionDropout = 0,
        InitializerRange = 0.2,
    };
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<PruningMethod> Methods => [PruningMethod.Magnitude, PruningMethod.Wanda, PruningMethod.SparseGpt];

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Prune_MagnitudeOfEachMap_TakesTheSmallest()
    {
        using BertModel before = Bert(), model = Bert();
        SparsityReport report = Pruner.Prune(model, new PruningOptions { Sparsity = 0.3 });
        Assert.Equal(2 * 6, report.Maps.Count);
        foreach (MapSparsity map in report.Maps)
        {
            double[] was = Weight(before, map.Name), now = Weight(model, map.Name);
            int gone = (int)Math.Round(was.Length * 0.3);
            Assert.Equal(gone, map.Zeros);
            double limit = was.Select(Math.Abs).Order().ElementAt(gone - 1);
            for (int i = 0; i < was.Length; i++) Assert.Equal(Math.Abs(was[i]) <= limit ? 0 : was[i], now[i]);
        }
    }

    [Fact]
    public void Prune_MagnitudeOfTheModel_ComparesAllMaps()
    {
        using BertModel before = Bert(), model = Bert();
        using (no_grad()) before.encoder.blocks[1].query.weight.mul_(0.1);
        using (no_grad()) model.encoder.blocks[1].query.weight.mul_(0.1);
        SparsityReport report = Pruner.Prune(model, new PruningOptions { Sparsity = 0.3, Scope = PruningScope.Model });
        double[] all = [.. report.Maps.SelectMany(m => Weight(before, m.Name)).Select(Math.Abs).Order()];
        int gone = (int)Math.Round(all.Length * 0.3);
        Assert.Equal(gone, report.Zeros);
        foreach (MapSparsity map in report.Maps) Assert.Equal(Weight(before, map.Name).Count(w => Math.Abs(w) <= all[gone - 1]), map.Zeros);
        Assert.True(report.Maps.Single(m => m.Name.EndsWith("blocks.1.query", StringComparison.Ordinal)).Sparsity > 0.9);
    }

    [Theory]
    [InlineData(PruningScope.Output)]
    [InlineData(PruningScope.Map)]
    public void Prune_Wanda_TakesTheSmallestProductsWithTheInputs(PruningScope scope)
    {
        using BertModel before = Bert(), model = Bert();
        Pruner.Prune(model, new PruningOptions { Method = PruningMethod.Wanda, Sparsity = 0.4, Scope = scope }, Calibration());
        using BertModel half = Bert();
        Pruner.Prune(half, new PruningOptions { Method = PruningMethod.Wanda, Sparsity = 0.4, Scope = scope, Targets = ["*blocks.0.*"] }, Calibration());
        for (int layer = 0; layer < 2; layer++)
        {
            // What the second block reads is what the pruned first one gives.
            double[][] inputs = Inputs(layer == 0 ? before : half, layer);
            double[] lengths = [.. Enumerable.Range(0, Width).Select(i => Math.Sqrt(inputs.Sum(x => x[i] * x[i])))];
            foreach (string name in new[] { "query", "key", "value" })
            {
                double[] was = Weight(before, $"encoder.blocks.{layer}.{name}"), now = Weight(model, $"encoder.blocks.{layer}.{name}");
                double[] scores = [.. was.Select((w, at) => Math.Abs(w) * lengths[at % Width])];
                int size = scope == PruningScope.Output ? Width : was.Length, gone = (int)Math.Round(size * 0.4);
                for (int start = 0; start < was.Length; start += size)
                {
                    int[] lowest = [.. Enumerable.Range(start, size).OrderBy(at => scores[at]).Take(gone)];
                    for (int at = start; at < start + size; at++) Assert.Equal(lowest.Contains(at) ? 0 : was[at], now[at]);
                }
            }
        }
    }

    [Theory]
    [InlineData(0.5, null, 128)]
    [InlineData(0.35, null, 8)]
    [InlineData(0, "2:4", 8)]
    [InlineData(0, "4:8", 24)]
    public void Prune_SparseGpt_IsTheSlowReference(double sparsity, string? pattern, int block)
    {
        using BertModel before = Bert(), model = Bert();
        var options = new PruningOptions
        {
            Method = PruningMethod.SparseGpt,
            Sparsity = sparsity,
            Pattern = pattern is null ? null : SparsityPattern.Parse(pattern),
            BlockSize = block,
            Damping = 0.03,
            Targets = ["*blocks.0.query"],
        };
        Pruner.Prune(model, options, Calibration());
        double[] was = Weight(before, "encoder.blocks.0.query"), now = Weight(model, "encoder.blocks.0.query");
        double[] expected = SlowSparseGpt(was, Inputs(before, 0), options);
        for (int i = 0; i < was.Length; i++) Assert.Equal(expected[i] == 0, now[i] == 0);
        AssertClose(expected, now, Width, 1e-5, "weights");
        Assert.True(expected.Where((w, i) => w != 0 && Math.Abs(w - was[i]) > 1e-3).Any());
    }

    [Fact]
    public void Prune_SparseGpt_LosesLessThanWandaAndThatLessThanMagnitude()
    {
        using BertModel dense = Bert();
        // Inputs of very different sizes, as those of trained models are.
        using (no_grad()) dense.encoder.embedding_norm.weight.copy_(Normal([Width], 5).exp());
        double[] errors = [.. Methods.Select(method =>
        {
            using BertModel model = Bert();
            using (no_grad()) model.encoder.embedding_norm.weight.copy_(dense.encoder.embedding_norm.weight);
            Pruner.Prune(model, new PruningOptions { Method = method, Targets = ["*blocks.0.query"] }, Calibration());
            double[][] inputs = Inputs(dense, 0);
            Tensor x = tensor(inputs.SelectMany(row => row).ToArray(), [inputs.Length, Width]);
            Tensor lost = dense.encoder.blocks[0].query.weight - model.encoder.blocks[0].query.weight;
            return matmul(x, lost.to(ScalarType.Float64).t()).norm().item<double>();
        })];
        Assert.True(errors[2] < 0.95 * errors[1] && errors[1] < 0.95 * errors[0], string.Join(", ", errors));
    }

    [Theory]
    [InlineData(PruningMethod.Magnitude, "2:4")]
    [InlineData(PruningMethod.Wanda, "2:4")]
    [InlineData(PruningMethod.SparseGpt, "2:4")]
    [InlineData(PruningMethod.Magnitude, "4:8")]
    [InlineData(PruningMethod.Wanda, "4:8")]
    [InlineData(PruningMethod.SparseGpt, "4:8")]
    public void Prune_Pattern_HoldsInEveryGroup(PruningMethod method, string text)
    {
        SparsityPattern pattern = SparsityPattern.Parse(text);
        using BertModel model = Bert();
        SparsityReport report = Pruner.Prune(model, new PruningOptions { Method = method, Pattern = pattern }, Calibration());
        Assert.Equal(0.5, report.Sparsity);
        foreach (MapSparsity map in report.Maps)
        {
            double[] weight = Weight(model, map.Name);
            for (int start = 0; start < weight.Length; start += pattern.Group) Assert.Equal(pattern.Kept, weight[start..(start + pattern.Group)].Count(w => w != 0));
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Prune_AnyFamily_HasTheSparsityAndSavesAnOrdinaryFolder(PruningMethod method)
    {
        var families = new (ITransformerModel Model, ModelInput[] Inputs)[]
        {
            (new GptModel(new GptConfig { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 3, EmbeddingDim = Width }), Calibration()),
            (new LlamaModel(new LlamaConfig { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 6, KeyValueHeadCount = 3, EmbeddingDim = Width, FeedForwardDim = 40 }), Calibration()),
            (new T5Model(new T5Config { VocabSize = 41, LayerCount = 2, HeadCount = 3, HeadDim = 4, EmbeddingDim = Width, FeedForwardDim = 40 }), [.. Calibration().Select(input => input with { DecoderIds = input.Ids })]),
        };
        foreach (var (model, inputs) in families)
        {
            SparsityReport report = Pruner.Prune(model, new PruningOptions { Method = method, Sparsity = 0.5, MinimumTokens = 100 }, inputs);
            Assert.All(report.Maps, m => Assert.Equal(0.5, m.Sparsity, 0.03));
            Tensor expected = Logits(model, inputs[0]);
            model.SavePretrained(folder[model.ModelType]);
            using ITransformerModel loaded = AutoModel.FromPretrained(folder[model.ModelType]);
            Assert.Equal(report.Zeros, SparsityReport.Of(loaded).Zeros);
            Assert.Equal(Bytes(expected), Bytes(Logits(loaded, inputs[0])));
            model.Dispose();
        }
    }

    [Fact]
    public void ToJson_Report_SaysItAll()
    {
        using BertModel model = Bert();
        JsonObject json = Pruner.Prune(model, new PruningOptions { Targets = ["*blocks.1.query"], Sparsity = 0.25 }).ToJson();
        Assert.Equal("""{"sparsity":0.25,"zeros":144,"weights":576,"maps":[{"name":"encoder.blocks.1.query","outputs":24,"inputs":24,"sparsity":0.25,"zeros":144,"weights":576}]}""", json.ToJsonString());
    }

    [Theory]
    [InlineData(1.0, null, "Sparsity (1) must be at least 0 and below 1")]
    [InlineData(-0.1, null, "Sparsity (-0.1) must be at least 0 and below 1")]
    [InlineData(double.NaN, null, "Sparsity (NaN) must be at least 0 and below 1")]
    [InlineData(0.9999, null, "Sparsity (0.9999) would leave none of 576 weights of the linear map 'encoder.blocks.0.query'")]
    [InlineData(0.5, "3:7", "The inputs of the linear map 'encoder.blocks.0.query' (24) must be divisible by the group of Pattern (3:7)")]
    public void Prune_Impossible_IsRefusedAndChangesNothing(double sparsity, string? pattern, string message)
    {
        using BertModel before = Bert(), model = Bert();
        var options = new PruningOptions { Sparsity = sparsity, Pattern = pattern is null ? null : SparsityPattern.Parse(pattern) };
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Pruner.Prune(model, options)).Message, StringComparison.Ordinal);
        AssertSame(before, model);
    }

    [Fact]
    public void Prune_ModelThatWouldLoseAMap_IsRefusedAndChangesNothing()
    {
        using BertModel before = Bert(), model = Bert();
        using (no_grad()) before.encoder.blocks[1].query.weight.mul_(1e-4);
        using (no_grad()) model.encoder.blocks[1].query.weight.mul_(1e-4);
        string message = Assert.Throws<ArgumentException>(() => Pruner.Prune(model, new PruningOptions { Scope = PruningScope.Model })).Message;
        Assert.Contains("would leave no weight of 'encoder.blocks.1.query'", message, StringComparison.Ordinal);
        AssertSame(before, model);
    }

    [Fact]
    public void Prune_TooLittleCalibration_IsRefusedAndChangesNothing()
    {
        using BertModel before = Bert(), model = Bert();
        var options = new PruningOptions { Method = PruningMethod.SparseGpt, MinimumTokens = 20 };
        Refused("needs data for its calibration", null, options);
        Refused("sees 13 tokens of the calibration; there must be at least MinimumTokens (20)", [new() { Ids = Ids(1, 13, 1) }], options);
        // The last map of a block has more inputs than the others.
        Refused("'encoder.blocks.0.feed_forward_output' has 40 inputs and sees 26 tokens", [new() { Ids = Ids(2, 13, 1) }], options);
        // The first block is pruned already when the second fails.
        using (no_grad()) before.encoder.blocks[0].feed_forward_norm.weight.fill_(float.PositiveInfinity);
        using (no_grad()) model.encoder.blocks[0].feed_forward_norm.weight.fill_(float.PositiveInfinity);
        foreach (PruningMethod method in new[] { PruningMethod.SparseGpt, PruningMethod.Wanda })
            Refused("The calibration gives inputs of the linear map 'encoder.blocks.1.query' that are not finite, or too large.", Calibration(), options with { Method = method });

        void Refused(string message, ModelInput[]? calibration, PruningOptions options)
        {
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => Pruner.Prune(model, options, calibration)).Message, StringComparison.Ordinal);
            AssertSame(before, model);
            Assert.All(LinearMapsOf(model), m => Assert.Null(m.Transform));
        }
    }

    [Theory]
    [InlineData(PruningMethod.Magnitude)]
    [InlineData(PruningMethod.Wanda)]
    [InlineData(PruningMethod.SparseGpt)]
    public void Prune_Cancelled_ChangesNothing(PruningMethod method)
    {
        using BertModel before = Bert(), model = Bert();
        using var source = new CancellationTokenSource();
        if (method == PruningMethod.Magnitude) source.Cancel();
        var options = new PruningOptions { Method = method, MinimumTokens = 20 };
        Assert.Throws<OperationCanceledException>(() => Pruner.Prune(model, options, method == PruningMethod.Magnitude ? null : new LastCancels(Calibration(), source), source.Token));
        AssertSame(before, model);
        Assert.All(LinearMapsOf(model), m => Assert.Null(m.Transform));
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => SensitivityScan.Run(model, [0.5], () => 0, cancellationToken: source.Token));
        Assert.Throws<OperationCanceledException>(() => StructuredPruner.Prune(model, new StructuredPruningOptions { HeadSparsity = 0.5 }, cancellationToken: source.Token));
        AssertSame(before, model);
    }

    /// <summary>Batches behind the last of which somebody cancels, when they are read the second time.</summary>
    private sealed class LastCancels(ModelInput[] inputs, CancellationTokenSource source) : IReadOnlyList<ModelInput>
    {
        private int _reads;

        public int Count => inputs.Length;

        public ModelInput this[int index] => inputs[index];

        public IEnumerator<ModelInput> GetEnumerator()
        {
            bool isLast = ++_reads == 2;
            foreach (ModelInput input in inputs) yield return input;
            if (isLast) source.Cancel();
        }

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }

    [Fact]
    public void Prune_AdaptedMaps_AreRefused()
    {
        using BertModel model = Bert();
        using var adapter = new LoraAdapter(model, new LoraOptions());
        Assert.Contains("computes with a LowRankTransform already", Assert.Throws<ArgumentException>(() => Pruner.Prune(model, new PruningOptions())).Message, StringComparison.Ordinal);
        Assert.Contains("'nowhere' fits no linear map", Assert.Throws<ArgumentException>(() => Pruner.Prune(model, new PruningOptions { Targets = ["nowhere"] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_Faults_AreNamedTogether()
    {
        string message = Assert.Throws<ArgumentException>(() => new PruningOptions
        {
            Method = PruningMethod.SparseGpt,
            Sparsity = 2,
            Scope = PruningScope.Output,
            Pattern = new SparsityPattern(2, 4),
            BlockSize = 6,
            Damping = 0,
            MinimumTokens = 0,
            Targets = [],
        }.Validate()).Message;
        foreach (string part in new[] { "Sparsity (2)", "Scope (Output) must be Map", "BlockSize (6) must be divisible", "Scope (Output) must be left out", "Damping (0)", "MinimumTokens (0)", "Targets must name" })
            Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.Contains("Scope (Model) must be Map or Output for Wanda", Assert.Throws<ArgumentException>(new PruningOptions { Method = PruningMethod.Wanda, Scope = PruningScope.Model }.Validate).Message, StringComparison.Ordinal);
        Assert.All(new[] { "4:2", "0:4", "2", "2:4:8", "a:b", "-1:4" }, text => Assert.Contains("must be N:M", Assert.Throws<FormatException>(() => SparsityPattern.Parse(text)).Message, StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Prune_ManyTimes_LeavesNoTensor(PruningMethod method)
    {
        Prune();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Prune();
        Assert.Equal(before, LiveTensors.Count());

        void Prune()
        {
            using DisposeScope scope = NewDisposeScope();
            using BertModel model = Bert();
            Pruner.Prune(model, new PruningOptions { Method = method }, Calibration());
        }
    }

    /// <summary>Every weight by itself, with the inverse of what is left of the Hessian at each step, in 64 bits.</summary>
    private static double[] SlowSparseGpt(double[] weight, double[][] inputs, PruningOptions options)
    {
        int outputs = weight.Length / Width;
        double[] w = [.. weight];
        var hessian = new double[Width, Width];
        for (int i = 0; i < Width; i++)
        {
            for (int j = 0; j < Width; j++) hessian[i, j] = inputs.Sum(x => x[i] * x[j]);
        }
        double damping = options.Damping * Enumerable.Range(0, Width).Average(i => hessian[i, i]);
        for (int i = 0; i < Width; i++) hessian[i, i] += damping;
        double[][,] inverses = [.. Enumerable.Range(0, Width).Select(from => Inverse(hessian, from))];
        var gone = new bool[weight.Length];
        for (int i = 0; i < Width; i++)
        {
            if (options.Pattern is { } pattern)
            {
                if (i % pattern.Group == 0)
                    for (int o = 0; o < outputs; o++) Choose(Enumerable.Range(i, pattern.Group).Select(j => (o, j)), pattern.Group - pattern.Kept);
            }
            else if (i % options.BlockSize == 0)
            {
                int end = Math.Min(Width, i + options.BlockSize);
                int count = (int)(Math.Round(outputs * end * options.Sparsity, MidpointRounding.AwayFromZero) - Math.Round(outputs * i * options.Sparsity, MidpointRounding.AwayFromZero));
                Choose(Enumerable.Range(0, outputs).SelectMany(o => Enumerable.Range(i, end - i).Select(j => (o, j))), count);
            }
            for (int o = 0; o < outputs; o++)
            {
                if (!gone[o * Width + i]) continue;
                double lost = w[o * Width + i] / inverses[i][0, 0];
                for (int j = i; j < Width; j++) w[o * Width + j] -= lost * inverses[i][0, j - i];
                w[o * Width + i] = 0;
            }
        }
        return w;

        void Choose(IEnumerable<(int O, int I)> places, int count)
        {
            foreach (var (o, j) in places.OrderBy(p => w[p.O * Width + p.I] * w[p.O * Width + p.I] / inverses[p.I][0, 0]).Take(count)) gone[o * Width + j] = true;
        }
    }

    /// <summary>The inverse of a matrix without its first rows and columns, by Gauss and Jordan.</summary>
    private static double[,] Inverse(double[,] matrix, int from)
    {
        int n = matrix.GetLength(0) - from;
        var a = new double[n, 2 * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++) a[i, j] = matrix[i + from, j + from];
            a[i, n + i] = 1;
        }
        for (int i = 0; i < n; i++)
        {
            double pivot = a[i, i];
            for (int j = 0; j < 2 * n; j++) a[i, j] /= pivot;
            for (int r = 0; r < n; r++)
            {
                if (r == i) continue;
                double factor = a[r, i];
                for (int j = 0; j < 2 * n; j++) a[r, j] -= factor * a[i, j];
            }
        }
        var inverse = new double[n, n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++) inverse[i, j] = a[i, n + j];
        }
        return inverse;
    }

    private static BertModel Bert()
    {
        using var generator = new Generator(5);
        return new BertModel(s_bert, ModelHead.MaskedLanguageModel, generator);
    }

    private static Tensor Ids(int rows, int length, ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(0, 41, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    private static ModelInput[] Calibration() => [new() { Ids = Ids(5, 13, 1) }, new() { Ids = Ids(7, 17, 2) }];

    /// <summary>What the attention of a BERT's block reads of the calibration.</summary>
    private static double[][] Inputs(BertModel model, int layer)
    {
        using IDisposable mode = no_grad();
        return [.. Calibration().SelectMany(input =>
        {
            bool training = model.training;
            model.eval();
            double[] states = Doubles(model.Forward(input with { WantHiddenStates = true }).HiddenStates![layer]);
            model.train(training);
            return states.Chunk(Width);
        })];
    }

    private static IEnumerable<Projection> LinearMapsOf(nn.Module model) => model.modules().OfType<Projection>();

    private static double[] Weight(nn.Module model, string name) => Doubles(model.state_dict()[name + ".weight"]);

    private static Tensor Logits(ITransformerModel model, ModelInput input)
    {
        using IDisposable mode = no_grad();
        ((nn.Module)model).eval();
        return model.Forward(input).Logits;
    }

    private static void AssertSame(nn.Module expected, nn.Module actual)
    {
        Dictionary<string, Tensor> values = actual.state_dict();
        Assert.All(expected.state_dict(), pair => Assert.Equal(Bytes(pair.Value), Bytes(values[pair.Key])));
    }
}

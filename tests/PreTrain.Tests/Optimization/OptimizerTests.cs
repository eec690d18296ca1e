using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using TorchSharp;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;

namespace PreTrain.Tests.Optimization;

public sealed class OptimizerTests
{
    private const int Steps = 20;

    private static readonly Dictionary<string, IOptimizerOptions> s_references = new()
    {
        ["sgd"] = new SgdOptions { Momentum = 0 },
        ["sgd-momentum"] = new SgdOptions { WeightDecay = 0.05 },
        ["sgd-nesterov"] = new SgdOptions { Momentum = 0.8, Nesterov = true, WeightDecay = 0.05 },
        ["adam"] = new AdamOptions { Beta1 = 0.87, Beta2 = 0.93, Epsilon = 1e-6, WeightDecay = 0.1 },
        ["adamw"] = new AdamWOptions { Beta1 = 0.87, Beta2 = 0.93, Epsilon = 1e-6, WeightDecay = 0.1 },
        ["adamax"] = new AdamaxOptions { Beta1 = 0.87, Beta2 = 0.93, Epsilon = 1e-6, WeightDecay = 0.1 },
        ["rmsprop"] = new RmsPropOptions { Smoothing = 0.9, Epsilon = 1e-6, WeightDecay = 0.1 },
        ["rmsprop-momentum"] = new RmsPropOptions { Smoothing = 0.9, Epsilon = 1e-6, Momentum = 0.7, WeightDecay = 0.1 },
        ["rmsprop-centered"] = new RmsPropOptions { Smoothing = 0.9, Epsilon = 1e-2, Centered = true, WeightDecay = 0.1 },
        ["adagrad"] = new AdagradOptions { RateDecay = 0.05, InitialSum = 0.3, Epsilon = 1e-6, WeightDecay = 0.1 },
        ["adafactor"] = new AdafactorOptions { WeightDecay = 0.1 },
        ["adafactor-momentum"] = new AdafactorOptions { ScaleParameter = false, Beta1 = 0.8, ClipThreshold = 0.7, DecayPower = 0.6 },
        ["adafactor-relative"] = new AdafactorOptions { RelativeStep = true, WarmupInit = true },
        ["muon"] = new MuonOptions { Momentum = 0.9, Scaling = MuonScaling.Original },
        ["muon-matched"] = new MuonOptions { Nesterov = false, Iterations = 4, WeightDecay = 0.2 },
    };

    private static readonly IOptimizerOptions[] s_all =
    [
        new SgdOptions(), new AdamOptions(), new AdamWOptions(), new AdamaxOptions(), new RmsPropOptions { Centered = true, Momentum = 0.5 }, new AdagradOptions(), new AdafactorOptions { Beta1 = 0.9 },
        new LionOptions(), new LambOptions(), new MuonOptions(), new AdamW8BitOptions(),
    ];

    public static TheoryData<string, Precision, bool> References
    {
        get
        {
            var data = new TheoryData<string, Precision, bool>();
            foreach (string name in s_references.Keys)
                foreach (Precision precision in new[] { Precision.Float32, Precision.BFloat16 })
                    foreach (bool kernels in new[] { true, false }) data.Add(name, precision, kernels);
            return data;
        }
    }

    public static TheoryData<string, Precision> All => [.. s_all.SelectMany(o => new[] { (o.Name, Precision.Float32), (o.Name, Precision.BFloat16) })];

    [Theory]
    [MemberData(nameof(References))]
    public void Step_TwentyTimes_EqualsTheReference(string name, Precision precision, bool kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonNode expected = JsonNode.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Optimization", "fixtures", "optimizers.json")))![name]!;
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, precision);
        using IOptimizer optimizer = Create(s_references[name], flat, null, kernels);
        for (int t = 0; t < Steps; t++)
        {
            Advance(flat, optimizer, t);
            if (expected[(t + 1).ToString()] is not { } weights) continue;
            float[] actual = Weights(flat);
            double[] reference = [.. weights.AsArray().Select(w => w!.GetValue<double>())];
            Assert.Equal(reference.Length, actual.Length);
            for (int i = 0; i < actual.Length; i++) Assert.Equal(reference[i], actual[i], 2e-5);
        }
        Assert.Equal(Values(flat.Master.to(precision.ToScalarType())), Values(flat.Compute));
        Assert.All(Values(flat.StepGradient), g => Assert.Equal(0, g));
        Assert.Equal(Steps, optimizer.StepCount);
    }

    [Theory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, true)]
    [InlineData(Precision.BFloat16, false)]
    public void Step_Lion_EqualsThePaper(Precision precision, bool kernels) =>
        Compare(new LionOptions { Beta1 = 0.87, Beta2 = 0.93, WeightDecay = 0.4 }, precision, kernels, 2e-5, layer =>
        {
            double[] m = new double[layer.W.Length];
            return (g, rate, _) =>
            {
                for (int i = 0; i < m.Length; i++)
                {
                    layer.W[i] -= rate * (Math.Sign(0.87 * m[i] + 0.13 * g[i]) + (layer.Decays ? 0.4 * layer.W[i] : 0));
                    m[i] = 0.93 * m[i] + 0.07 * g[i];
                }
            };
        });

    [Theory]
    [InlineData(Precision.Float32, true, false)]
    [InlineData(Precision.Float32, false, true)]
    [InlineData(Precision.BFloat16, true, true)]
    [InlineData(Precision.BFloat16, false, false)]
    public void Step_Lamb_EqualsThePaper(Precision precision, bool kernels, bool vectors) =>
        Compare(new LambOptions { Beta1 = 0.87, Beta2 = 0.93, WeightDecay = 0.4, AdaptVectors = vectors }, precision, kernels, 5e-5, layer =>
        {
            double[] m = new double[layer.W.Length], v = new double[layer.W.Length], u = new double[layer.W.Length];
            return (g, rate, t) =>
            {
                for (int i = 0; i < m.Length; i++)
                {
                    m[i] = 0.87 * m[i] + 0.13 * g[i];
                    v[i] = 0.93 * v[i] + 0.07 * g[i] * g[i];
                    u[i] = m[i] / (1 - Math.Pow(0.87, t)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.93, t))) + 1e-6) + (layer.Decays ? 0.4 * layer.W[i] : 0);
                }
                double ratio = layer.Decays || vectors ? Math.Sqrt(layer.W.Sum(w => w * w) / u.Sum(x => x * x)) : 1;
                for (int i = 0; i < m.Length; i++) layer.W[i] -= rate * ratio * u[i];
            };
        });

    [Theory]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, true)]
    [InlineData(Precision.BFloat16, false)]
    public void Step_AdamW8Bit_EqualsAdamWOfQuantizedMoments(Precision precision, bool kernels) =>
        // With a largest gradient of 127/64, and not 128/64, no first moment lies on a border of two codes.
        Compare(new AdamW8BitOptions { Beta1 = 0.87, Beta2 = 0.93, WeightDecay = 0.4 }, precision, kernels, 2e-5, limit: 127.0 / 64, formula: layer =>
        {
            double[] m = new double[layer.W.Length], v = new double[layer.W.Length];
            return (g, rate, t) =>
            {
                for (int i = 0; i < m.Length; i++)
                {
                    m[i] = 0.87 * m[i] + 0.13 * g[i];
                    v[i] = 0.93 * v[i] + 0.07 * g[i] * g[i];
                    layer.W[i] -= rate * (m[i] / (1 - Math.Pow(0.87, t)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.93, t))) + 1e-8) + (layer.Decays ? 0.4 * layer.W[i] : 0));
                }
                if (!layer.Decays) return;
                Round(m, DynamicCodeTests.SlowMap(signed: true));   // all in one block
                Round(v, DynamicCodeTests.SlowMap(signed: false));
            };

            static void Round(double[] x, double[] map)
            {
                double largest = x.Max(Math.Abs);
                for (int i = 0; i < x.Length; i++) x[i] = largest * map.MinBy(c => Math.Abs(c - x[i] / largest));
            }
        });

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Step_AdamW8BitOverManyBlocks_KernelsEqualTheOperators(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        float[][] weights = [.. new[] { true, false }.Select(kernels =>
        {
            using DisposeScope inner = NewDisposeScope();
            using var layer = nn.Linear(67, 101);   // 27 blocks, the last not full
            using (no_grad()) foreach (var p in layer.parameters()) p.copy_(arange(p.numel()).view(p.shape).remainder(97) / 97 - 0.5);
            using var flat = new FlatParameters(layer, precision);
            using var optimizer = new AdamW8BitOptions().Create(flat, null, kernels);
            for (int t = 0; t < 10; t++)
            {
                // Over five decades, and the same for both.
                foreach (var (_, view) in flat.Split(flat.Gradient))
                    view.copy_((arange(view.numel()).mul(37).add(t * 11).remainder(257) / 128 - 1).pow(5).view(view.shape));
                optimizer.Step(0.01);
            }
            return Values(flat.Master);
        })];
        int different = weights[0].Zip(weights[1]).Count(w => Math.Abs(w.First - w.Second) > 1e-5);
        Assert.True(different < weights[0].Length / 500, $"{different} of {weights[0].Length} weights differ.");   // where a moment lies on a border
    }

    [Theory]
    [InlineData(Precision.Float32, false)]
    [InlineData(Precision.BFloat16, false)]
    [InlineData(Precision.Float32, true)]
    [InlineData(Precision.BFloat16, true)]
    public void Step_AdafactorOfManyShapes_KernelsEqualTheOperatorsOnAnyNumberOfThreads(Precision precision, bool all)
    {
        var options = new AdafactorOptions { Beta1 = all ? 0.8 : 0, ClipThreshold = 0.7, WeightDecay = 0.1, ScaleParameter = all };
        UpdateOptions update = all ? new() { ClipValue = 0.6, L1Penalty = 1e-3, L2Penalty = 2e-3 } : new();
        int threads = get_num_threads();
        float[] operators = Train(kernels: false, threads), one = Train(kernels: true, 1), several = Train(kernels: true, 3);
        Assert.Equal(one, several);
        // The largest weight is 0.5 and a step changes it by at most 0.7 · 0.02.
        for (int i = 0; i < one.Length; i++) Assert.Equal(operators[i], one[i], 1e-6);

        float[] Train(bool kernels, int count)
        {
            using DisposeScope scope = NewDisposeScope();
            set_num_threads(count);
            try
            {
                // Rows of whole vectors and others, of one element, more than one chunk, a stack of matrices, vectors.
                using var model = nn.Sequential(nn.Linear(211, 157), nn.Linear(48, 5), nn.Linear(1, 19), nn.Conv1d(3, 7, 17));
                using (no_grad()) foreach (var p in model.parameters()) p.copy_(arange(p.numel()).mul(31).view(p.shape).remainder(97) / 97 - 0.5);
                using var flat = new FlatParameters(model, precision);
                using var optimizer = options.Create(flat, update, kernels);
                for (int t = 0; t < 5; t++)
                {
                    foreach (var (_, view) in flat.Split(flat.Gradient)) view.copy_((arange(view.numel()).mul(37).add(t * 11).remainder(257) / 128 - 1).pow(3).view(view.shape));
                    optimizer.Step(0.02, 0.75);
                }
                Assert.Equal(Values(flat.Master.to(precision.ToScalarType())), Values(flat.Compute));
                return [.. Weights(flat), .. optimizer.State().SelectMany(s => Values(s.View.contiguous()))];
            }
            finally
            {
                set_num_threads(threads);
            }
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Load_WhatSaveWrote_GoesOnBitForBit(string name, Precision precision)
    {
        IOptimizerOptions options = s_all.Single(o => o.Name == name);
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, precision);
        using IOptimizer optimizer = options.Create(flat);
        for (int t = 0; t < 3; t++) Advance(flat, optimizer, t);
        optimizer.Save(folder["optimizer.safetensors"]);
        float[] saved = Values(flat.Master);
        for (int t = 3; t < 6; t++) Advance(flat, optimizer, t);
        float[] expected = Values(flat.Master);

        flat.Master.copy_(tensor(saved));
        flat.Compute.copy_(flat.Master);
        using IOptimizer again = options.Create(flat);
        again.Load(folder["optimizer.safetensors"]);
        for (int t = 3; t < 6; t++) Advance(flat, again, t);

        Assert.Equal(6, again.StepCount);
        Assert.Equal(expected, Values(flat.Master));
        Assert.NotEqual(saved, expected);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Step_ManyTimes_LeavesNoTensor(string name, Precision precision)
    {
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var model = new NumbersModel())
        {
            using var flat = new FlatParameters(model, precision);
            using IOptimizer optimizer = s_all.Single(o => o.Name == name).Create(flat);
            using (NewDisposeScope()) Advance(flat, optimizer, 0);
            long live = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            for (int t = 1; t < 5; t++)
            {
                using DisposeScope scope = NewDisposeScope();
                Advance(flat, optimizer, t);
            }
            Assert.Equal(live, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        }
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Step_RateOfZero_LeavesTheWeights(string name, Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, precision);
        using IOptimizer optimizer = s_all.Single(o => o.Name == name).Create(flat);
        float[] before = Values(flat.Master);
        for (int k = 0; k < 3; k++) model.Parameters[k].grad!.copy_(NumbersModel.Gradient(k, 0));
        optimizer.Step(0);
        Assert.Equal(before, Values(flat.Master));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_LimitAndPenalties_ShapeTheGradient(bool kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using IOptimizer optimizer = new SgdOptions { Momentum = 0, WeightDecay = 0.125 }.Create(flat, new UpdateOptions { ClipValue = 0.25, L1Penalty = 0.375, L2Penalty = 0.0625 }, kernels);
        double[][] w = [.. model.Parameters.Select(p => Values(p).Select(x => (double)x).ToArray())];
        Advance(flat, optimizer, 0, scale: 0.5);
        for (int k = 0; k < 3; k++)
        {
            float[] g = Values(NumbersModel.Gradient(k, 0)), actual = Values(model.Parameters[k]);
            for (int i = 0; i < g.Length; i++)
            {
                double shaped = Math.Clamp(0.5 * g[i], -0.25, 0.25) + (k < 2 ? 0.1875 * w[k][i] + 0.375 * Math.Sign(w[k][i]) : 0);
                Assert.Equal(w[k][i] - 0.01 * shaped, actual[i], 1e-6);
            }
        }
    }

    [Fact]
    public void Step_RulesAndLayerDecay_ScaleTheRates()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        float[][] before = [.. model.Parameters.Select(p => Values(p))];
        var update = new UpdateOptions { LayerDecay = 0.5, Rules = [new ParameterRule { Pattern = "blocks.1.*", LearningRateScale = 4, WeightDecay = false }, new ParameterRule { Pattern = "*.weight" }] };
        using var flat = new FlatParameters(model, Precision.Float32);
        using IOptimizer optimizer = new LionOptions { WeightDecay = 1 }.Create(flat, update);
        Advance(flat, optimizer, 0);

        // Three blocks, numbered 0 to 2: the depths are 1, 2 and 3 of 4.
        double[] scales = [0.125, 0.25 * 4, 0.5];
        for (int k = 0; k < 3; k++)
        {
            float[] g = Values(NumbersModel.Gradient(k, 0)), actual = Values(model.Parameters[k]);
            for (int i = 0; i < g.Length; i++)
                Assert.Equal(before[k][i] * (k == 0 ? 1 - 0.01 * scales[0] : 1) - 0.01 * scales[k] * Math.Sign(g[i]), actual[i], 1e-6);
        }
    }

    [Fact]
    public void Freeze_Rule_KeepsParametersOutUntilItIsDisposed()
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        var update = new UpdateOptions { Rules = [new ParameterRule { Pattern = "blocks.1.*", Frozen = true }] };
        float[] before = Values(model.Parameters[1]);
        using (update.Freeze(model))
        {
            using var flat = new FlatParameters(model, Precision.Float32);
            Assert.Equal(35 + 11, flat.Count);
            Assert.False(model.Parameters[1].requires_grad);
        }
        Assert.True(model.Parameters[1].requires_grad);
        Assert.Equal(before, Values(model.Parameters[1]));

        var e = Assert.Throws<ArgumentException>(() => new UpdateOptions { Rules = [new ParameterRule { Pattern = "block.*" }] }.Freeze(model));
        Assert.Equal("The rule 'block.*' fits no parameter; 'blocks.0.weight' is one of the model's names.", e.Message);
    }

    [Fact]
    public void Create_WrongConstants_NamesAllFaults()
    {
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        var e = Assert.Throws<ArgumentException>(() => new SgdOptions { Momentum = 0, Nesterov = true, WeightDecay = -1 }.Create(flat, new UpdateOptions { ClipValue = -2, L1Penalty = -3, L2Penalty = double.NaN, LayerDecay = 0 }));
        Assert.Equal("Nesterov (true) needs a Momentum above 0. WeightDecay (-1) must not be negative. ClipValue (-2) must be positive, or 0 for no limit. "
            + "L1Penalty (-3) must not be negative. L2Penalty (NaN) must not be negative. LayerDecay (0) must be above 0 and at most 1.", e.Message);
        e = Assert.Throws<ArgumentException>(() => new MuonOptions { Momentum = 1, Iterations = 0, Scaling = (MuonScaling)9, Rest = new() { Beta1 = 1 } }.Create(flat));
        Assert.Equal("Momentum (1) must be at least 0 and below 1. Iterations (0) must be from 1 to 99. Scaling (9) must be MatchAdamW or Original. Beta1 (1) must be at least 0 and below 1.", e.Message);
    }

    [Fact]
    public void Create_MuonWithoutBlocks_IsRefused()
    {
        using var model = nn.Linear(3, 5);
        using var flat = new FlatParameters(model, Precision.Float32);
        var e = Assert.Throws<ArgumentException>(() => new MuonOptions().Create(flat));
        Assert.StartsWith("The model has no trainable matrix in a numbered block, for which Muon is made; use another optimizer.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_OfAnotherOptimizer_IsRefused()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = new NumbersModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using IOptimizer adam = new AdamWOptions().Create(flat), lion = new LionOptions().Create(flat);
        adam.Save(folder["optimizer.safetensors"]);
        Assert.Throws<CheckpointException>(() => lion.Load(folder["optimizer.safetensors"]));
    }

    internal static IOptimizer Create(IOptimizerOptions options, FlatParameters flat, UpdateOptions? update, bool kernels) => options switch
    {
        SgdOptions o => o.Create(flat, update, kernels),
        AdamOptions o => o.Create(flat, update, kernels),
        AdamWOptions o => new PreTrain.Optimization.AdamW(flat, o, update, kernels),
        AdamaxOptions o => o.Create(flat, update, kernels),
        RmsPropOptions o => o.Create(flat, update, kernels),
        AdagradOptions o => o.Create(flat, update, kernels),
        AdafactorOptions o => o.Create(flat, update, kernels),
        LionOptions o => o.Create(flat, update, kernels),
        LambOptions o => o.Create(flat, update, kernels),
        MuonOptions o => o.Create(flat, update, kernels),
        AdamW8BitOptions o => o.Create(flat, update, kernels),
        _ => throw new ArgumentException(options.Name),
    };

    private static void Advance(FlatParameters flat, IOptimizer optimizer, int t, double scale = 1, double limit = 2)
    {
        int k = 0;
        foreach (var (_, view) in flat.Split(flat.Gradient)) view.copy_(NumbersModel.Gradient(k++, t).clamp_(-limit, limit));
        optimizer.Step(0.01 * (1 + t / 10.0), scale);
    }

    private static float[] Weights(FlatParameters flat) => [.. flat.Split(flat.Master).SelectMany(s => Values(s.View))];

    private sealed record Layer(double[] W, bool Decays);

    /// <summary>Twenty steps of a slow formula for each parameter.</summary>
    private static void Compare(IOptimizerOptions options, Precision precision, bool kernels, double tolerance, Func<Layer, Action<double[], double, int>> formula, double limit = 2)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new NumbersModel();
        Layer[] layers = [.. model.Parameters.Select((p, k) => new Layer([.. Values(p).Select(x => (double)x)], k < 2))];
        Action<double[], double, int>[] steps = [.. layers.Select(formula)];
        using var flat = new FlatParameters(model, precision);
        using IOptimizer optimizer = Create(options, flat, null, kernels);
        for (int t = 0; t < Steps; t++)
        {
            for (int k = 0; k < 3; k++) steps[k]([.. Values(NumbersModel.Gradient(k, t)).Select(x => Math.Clamp(x, -limit, limit))], 0.01 * (1 + t / 10.0), t + 1);
            Advance(flat, optimizer, t, limit: limit);
        }
        foreach (var (expected, actual) in layers.SelectMany(l => l.W).Zip(Weights(flat))) Assert.Equal(expected, actual, tolerance);
        Assert.Equal(Values(flat.Master.to(precision.ToScalarType())), Values(flat.Compute));
    }
}

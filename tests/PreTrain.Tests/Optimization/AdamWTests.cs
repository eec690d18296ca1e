using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Optimization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Torch;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Optimization.FlatParametersTests;
using static TorchSharp.torch;
using AdamW = PreTrain.Optimization.AdamW;

namespace PreTrain.Tests.Optimization;

public sealed class AdamWTests
{
    private static readonly AdamWOptions s_options = new() { Beta1 = 0.87, Beta2 = 0.93, Epsilon = 1e-7, WeightDecay = 0.3 };

    [Theory]
    [InlineData(Precision.Float32, true, false)]
    [InlineData(Precision.Float32, false, false)]
    [InlineData(Precision.BFloat16, true, false)]
    [InlineData(Precision.BFloat16, false, false)]
    [InlineData(Precision.BFloat16, true, true)]
    [InlineData(Precision.BFloat16, false, true)]
    public void Step_TwentyTimes_EqualsTheDefinition(Precision precision, bool kernels, bool accumulate)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, precision);
        using var optimizer = new AdamW(flat, s_options, null, kernels);
        double[] w = [.. Values(flat.Master).Select(v => (double)v)], m = new double[w.Length], v = new double[w.Length];
        for (int step = 1; step <= 20; step++)
        {
            for (int micro = 0; micro < (accumulate ? 2 : 1); micro++)
            {
                model.Loss(1 + 0.1 * step + micro).backward();
                flat.Collect(accumulate);
            }
            float[] g = Values(flat.StepGradient);
            double norm = Math.Sqrt(g.Sum(x => (double)x * x)), scale = Math.Min(1, 2 / (norm + 1e-6)), rate = 0.01 * step;
            Assert.Equal(norm, optimizer.GradientNorm(), 1e-5 * norm);
            optimizer.Step(rate, AdamW.ClipScale(optimizer.GradientNorm(), 2));
            for (int i = 0; i < w.Length; i++)
            {
                m[i] = 0.87 * m[i] + 0.13 * g[i] * scale;
                v[i] = 0.93 * v[i] + 0.07 * g[i] * scale * g[i] * scale;
                double decayed = i < flat.DecayedLength ? w[i] * (1 - rate * 0.3) : w[i];
                w[i] = decayed - rate * (m[i] / (1 - Math.Pow(0.87, step))) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.93, step))) + 1e-7);
            }
            Assert.All(Values(flat.StepGradient), x => Assert.Equal(0, x));
        }

        float[] master = Values(flat.Master);
        for (int i = 0; i < w.Length; i++) Assert.Equal(w[i], master[i], 2e-5);
        Assert.Equal(Values(flat.Master.to(precision.ToScalarType())), Values(flat.Compute));
        Assert.Equal(20, optimizer.StepCount);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Step_TwentyTimes_EqualsTorchWithClipping(bool kernels)
    {
        using DisposeScope scope = NewDisposeScope();
        using var model = new ShapesModel();
        using var reference = new ShapesModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using var optimizer = new AdamW(flat, s_options, null, kernels);
        using var matrices = optim.AdamW([reference.Shared, reference.Matrix], 0.01, 0.87, 0.93, 1e-7, 0.3);
        using var vectors = optim.AdamW([reference.Vector], 0.01, 0.87, 0.93, 1e-7, 0);
        for (int step = 0; step < 20; step++)
        {
            model.Loss().backward();
            flat.Collect();
            double norm = optimizer.GradientNorm();
            optimizer.Step(0.01, AdamW.ClipScale(norm, 3));

            matrices.zero_grad();
            vectors.zero_grad();
            reference.Loss().backward();
            Assert.Equal(nn.utils.clip_grad_norm_(reference.Trainable, 3), norm, 1e-4);
            matrices.step();
            vectors.step();
        }

        foreach (var (actual, expected) in model.Trainable.Zip(reference.Trainable))
            Assert.True((actual - expected).abs().max().item<float>() < 2e-6);
    }

    [Theory]
    [InlineData("three-layers")]
    [InlineData("two-layers")]
    public void Step_GptFixture_TenLossesNormsAndWeightsAreTheReference(string name)
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = Path.Combine(AppContext.BaseDirectory, "Models", "Gpt", "fixtures", name);
        JsonNode facts = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "parity.json")))!;
        using SafetensorsFile dump = SafetensorsFile.Open(Path.Combine(folder, "parity.safetensors"));
        using GptModel model = GptModel.FromPretrained(Path.Combine(folder, "model"));
        Tensor ids = dump.Read("input_ids"), targets = dump.Read("targets");
        using var flat = new FlatParameters(model, Precision.Float32);
        using var optimizer = new AdamW(flat);
        for (int step = 0; step < 10; step++)
        {
            Tensor loss = model.Loss(ids, targets, facts["valid_targets"]!.GetValue<double>());
            loss.backward();
            flat.Collect();
            double norm = optimizer.GradientNorm();
            Assert.Equal(facts["losses"]![step]!.GetValue<double>(), loss.item<float>(), 1e-5);
            Assert.Equal(facts["gradient_norms"]![step]!.GetValue<double>(), norm, 1e-4);
            optimizer.Step(1e-3, AdamW.ClipScale(norm, 1));
        }

        // The key bias has no gradient but rounding noise, which Adam blows up to full steps.
        foreach (WeightRow row in GptWeights.Table(model.Config).Where(row => !row.Ours.EndsWith("qkv.bias", StringComparison.Ordinal)))
        {
            Tensor expected = dump.Read($"trained.{row.Theirs}");
            Assert.True((flat.Masters[row.Ours] - (row.Transposed ? expected.t() : expected)).abs().max().item<float>() < 1e-4, row.Theirs);
        }
    }

    [Theory]
    [InlineData(1, 2, 1)]
    [InlineData(8, 2, 0.25)]
    [InlineData(8, 0, 1)]
    public void ClipScale_Norm_BringsItDownToTheLimit(double norm, double limit, double expected) => Assert.Equal(expected, AdamW.ClipScale(norm, limit), 1e-6);

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void GradientNorm_AnyThreadCount_IsTheSame(Precision precision)
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(5, CPU);
        using var model = nn.Linear(1009, 997);
        using var flat = new FlatParameters(model, precision);
        using var optimizer = new AdamW(flat);
        flat.Gradient.copy_(randn([flat.Length], generator: generator));
        double expected = Math.Sqrt(Values(flat.Gradient).Sum(g => (double)g * g));
        int threads = get_num_threads();
        try
        {
            set_num_threads(1);
            double one = optimizer.GradientNorm();
            set_num_threads(2);
            Assert.Equal(one, optimizer.GradientNorm());
            Assert.Equal(expected, one, 1e-6 * expected);
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    [Fact]
    public void Load_WhatSaveWrote_GoesOnTheSame()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using var optimizer = new AdamW(flat);
        Advance(model, flat, optimizer);
        optimizer.Save(folder["optimizer.safetensors"]);
        float[] saved = Values(flat.Master);
        Advance(model, flat, optimizer);
        float[] expected = Values(flat.Master);

        flat.Master.copy_(tensor(saved));
        using var again = new AdamW(flat);
        again.Load(folder["optimizer.safetensors"]);
        Advance(model, flat, again);

        Assert.Equal(2, again.StepCount);
        Assert.Equal(expected, Values(flat.Master));
    }

    [Fact]
    public void Load_OfAnotherModel_NamesTheTensor()
    {
        using DisposeScope scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        using var model = new ShapesModel();
        using var flat = new FlatParameters(model, Precision.Float32);
        using var optimizer = new AdamW(flat);
        optimizer.Save(folder["optimizer.safetensors"]);
        using var other = nn.Linear(3, 5);
        using var otherFlat = new FlatParameters(other, Precision.Float32);
        using var otherOptimizer = new AdamW(otherFlat);

        var e = Assert.Throws<CheckpointException>(() => otherOptimizer.Load(folder["optimizer.safetensors"]));
        Assert.EndsWith("the model has no such trainable parameter.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Validate_SeveralFaults_NamesAll()
    {
        var e = Assert.Throws<ArgumentException>(() => new AdamWOptions { Beta1 = 1, Beta2 = -0.5, Epsilon = 0, WeightDecay = -1 }.Validate());
        Assert.Equal("Beta1 (1) must be at least 0 and below 1. Beta2 (-0.5) must be at least 0 and below 1. Epsilon (0) must be positive. "
            + "WeightDecay (-1) must not be negative.", e.Message);
    }

    private static void Advance(ShapesModel model, FlatParameters flat, AdamW optimizer)
    {
        model.Loss().backward();
        flat.Collect();
        optimizer.Step(0.05);
    }
}

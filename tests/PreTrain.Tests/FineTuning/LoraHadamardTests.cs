using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

/// <summary>Updates that multiply the weights (HiRA).</summary>
[Collection(DefaultGenerator.Name)]
public sealed class LoraHadamardTests : IDisposable
{
    private const int Rank = 3;
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Forward_NewThenTrained_IsThatOfTheFormulasWeights()
    {
        using GptModel model = Tiny.Model(Tiny.Odd), reference = Tiny.Model(Tiny.Odd);
        Tensor before = Logits(model);
        using LoraAdapter adapter = Adapt(model);
        Assert.Equal(Bytes(before), Bytes(Logits(model)));
        Randomize(adapter);

        foreach (string target in adapter.Targets) Set(reference, target, Formula(reference, adapter, target));
        Tensor expected = Logits(reference);
        Assert.True(Difference(expected, before) > 0.01);
        Assert.True(Difference(expected, Logits(model)) < 1e-5);
        adapter.Weight = -0.5;
        foreach (string target in adapter.Targets)
        {
            Tensor own = Weight(model, target).to(ScalarType.Float64);
            Set(reference, target, own - 0.5 * (Formula(model, adapter, target) - own));
        }
        Assert.True(Difference(Logits(reference), Logits(model)) < 1e-5);
    }

    [Fact]
    public void Constructor_AnyWeight_IsAsLargeAsAnUpdateThatIsAdded()
    {
        GptConfig config = Tiny.Even with { EmbeddingDim = 128, FeedForwardDim = 256 };
        using GptModel model = Tiny.Model(config);
        using LoraAdapter adapter = new(model, new() { Rank = 16, Alpha = 48, IsHadamard = true });
        LowRankUpdate update = ((LowRankTransform)model.blocks[0].qkv.Transform!).Updates["default"];
        Assert.Equal(Math.Log2(update.Unit), Math.Round(Math.Log2(update.Unit)));
        using (no_grad()) update.b.copy_(randn(update.b.shape));
        Tensor weight = Weight(model, "blocks.0.qkv"), added = 3 * matmul(update.b, update.a), multiplied = weight * update.Delta();
        Assert.InRange((multiplied.norm() / added.norm()).item<float>(), 0.95 / Math.Sqrt(2), 1.05 * Math.Sqrt(2));
    }

    [Fact]
    public void Merge_SeveralInAnyOrder_IsTheirSumAndComesBackToTheLastBit()
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        byte[] plain = Bytes(Weight(model, "blocks.1.qkv"));
        using LoraAdapter first = Adapt(model, "first"), second = Adapt(model, "second"), added = new(model, new() { Rank = Rank }, "added");
        foreach (LoraAdapter adapter in new[] { first, second, added }) Randomize(adapter);
        Tensor all = Logits(model);
        foreach (LoraAdapter adapter in new[] { added, second, first })
        {
            adapter.Merge();
            Assert.True(Difference(all, Logits(model)) < 1e-5, adapter.Name);
        }
        second.Unmerge();
        Assert.True(Difference(all, Logits(model)) < 1e-5);
        added.Unmerge();
        first.Unmerge();
        Assert.Equal(plain, Bytes(Weight(model, "blocks.1.qkv")));
        Assert.Equal(Bytes(all), Bytes(Logits(model)));
    }

    [Theory]
    [InlineData(QuantizationScheme.Int4Weights)]
    [InlineData(QuantizationScheme.Int8Weights)]
    public void Merge_WeightsOfFewBits_TakesTheCodesNextToTheFormula(QuantizationScheme scheme)
    {
        using GptModel model = Tiny.Model(Tiny.Even);
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = scheme, GroupSize = 32, Skip = ["*feed_forward_output"] });
        QuantizedProjection map = QuantizedProjection.Of(model.blocks[0].qkv)!;
        Tensor own = map.Weight.Dequantize();
        using LoraAdapter first = Adapt(model, "first"), second = Adapt(model, "second");
        Randomize(first);
        Randomize(second);
        Tensor Factors(string name) => ((LowRankTransform)model.blocks[0].qkv.Transform!).Updates[name].Delta();
        Tensor x = randn(2, 5, 32), expected = nn.functional.linear(x, own * (1 + Factors("first") + Factors("second")), model.state_dict()["blocks.0.qkv.bias"]);
        Assert.True(Difference(expected, model.blocks[0].qkv.call(x)) < 1e-5);

        second.Merge();
        using QuantizedMatrix nearest = QuantizedMatrix.Quantize(own + own * Factors("second"), map.Weight.Format);
        Assert.Equal(Bytes(nearest.Dequantize()), Bytes(map.Weight.Dequantize()));
        first.Merge();
        second.Unmerge();
        using QuantizedMatrix other = QuantizedMatrix.Quantize(own + own * Factors("first"), map.Weight.Format);
        Assert.Equal(Bytes(other.Dequantize()), Bytes(map.Weight.Dequantize()));
        first.Unmerge();
        Assert.Equal(Bytes(own), Bytes(map.Weight.Dequantize()));
    }

    [Fact]
    public void AlignToGradient_NewAdapter_StartsInTheDirectionsOfTheFactorsGradient()
    {
        using GptModel plain = Tiny.Model(Tiny.Even), model = Tiny.Model(Tiny.Even);
        using LoraAdapter adapter = Adapt(model);
        adapter.AlignToGradient(new RowsObjective(), batchSize: 4, batches: 1, seed: 5);

        plain.eval();
        using (var source = new RowsObjective().Open(new RandomStreams(5), plain, 4))
        {
            var batch = source.Next(TestContext.Current.CancellationToken);
            new RowsObjective().Loss(plain, batch, batch.ValidTargets).backward();
        }
        foreach (string target in adapter.Targets)
        {
            Tensor weight = Weight(plain, target), gradient = (plain.named_parameters().Single(p => p.name == target + ".weight").parameter.grad! * weight).to(ScalarType.Float64);
            Tensor a = model.state_dict()[target + ".transform.default.a"].to(ScalarType.Float64), rows = a / a.norm(1, keepdim: true);
            double kept = matmul(gradient, rows.t()).pow(2).sum().item<double>(), most = linalg.svdvals(gradient).narrow(0, 0, Rank).pow(2).sum().item<double>();
            Assert.Equal(1, kept / most, 1e-5);
            Assert.True(a.norm(1).mul(Math.Sqrt(3)).sub(1).abs().max().item<double>() < 1e-5);
        }
    }

    [Theory]
    [InlineData(Precision.Float32, 0)]
    [InlineData(Precision.Float32, 0.1)]
    [InlineData(Precision.BFloat16, 0)]
    public void Run_CrashedThenResumed_SavesTheAdapterOfTheUninterrupted(Precision precision, double dropout)
    {
        Train("a", 3);
        Assert.Throws<TimeoutException>(() => Train("b", 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b", 5);
        foreach (string file in new[] { "adapter_config.json", "adapter_model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));
        double[] losses = [.. Tiny.Metrics(folder["a"]).Select(line => JsonNode.Parse(line)!["loss"]).OfType<JsonNode>().Select(loss => loss.GetValue<double>())];
        Assert.True(losses.TakeLast(5).Average() < losses[0] - 0.1, string.Join(", ", losses));

        void Train(string output, int seed, params ITrainingCallback[] callbacks)
        {
            using GptModel model = Tiny.Model(Tiny.Even with { Dropout = 0.1 });
            byte[] before = Bytes(Weight(model, "blocks.0.qkv"));
            using var generator = new Generator((ulong)seed);
            using LoraAdapter adapter = new(model, new() { Rank = Rank, IsHadamard = true, Dropout = dropout }, generator: generator);
            Tiny.Train(model, new RowsObjective(), Tiny.Options(folder[output], 40) with { Weights = adapter, LearningRate = 2e-2, BatchSize = 8, Precision = precision, Resume = Directory.Exists(folder[output]), Callbacks = callbacks });
            Assert.Equal(before, Bytes(Weight(model, "blocks.0.qkv")));
        }
    }

    [Fact]
    public void FromPretrained_Saved_GivesTheSameUnderPeftsNames()
    {
        using GptModel model = Tiny.Model(Tiny.Even), other = Tiny.Model(Tiny.Even);
        using LoraAdapter adapter = Adapt(model);
        Randomize(adapter);
        adapter.SavePretrained(folder["adapter"]);
        Assert.Equal(AdapterKind.Lora, AdapterFolder.KindOf(folder["adapter"]));
        using (var loaded = (LoraAdapter)AdapterFolder.Open(other, folder["adapter"]))
        {
            Assert.True(loaded.Options.IsHadamard);
            Assert.Equal(Bytes(Logits(model)), Bytes(Logits(other)));
        }

        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder["adapter"], "adapter_config.json")))!;
        Assert.Equal(("HIRA", Rank, true), (config["peft_type"]!.GetValue<string>(), config["r"]!.GetValue<int>(), config["fan_in_fan_out"]!.GetValue<bool>()));
        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder["adapter"], "adapter_model.safetensors"));
        Assert.Equal(["base_model.model.transformer.h.1.attn.c_attn.hira_A", "base_model.model.transformer.h.1.attn.c_attn.hira_B"], file.Names.Where(name => name.Contains("h.1.attn.c_attn", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Equal([Rank, 32L], file.Info("base_model.model.transformer.h.1.attn.c_attn.hira_A").Shape.ToArray());
    }

    [Fact]
    public void FromPretrained_NamesAsPeftWritesThem_IsItsFormula()
    {
        Directory.CreateDirectory(folder["peft"]);
        File.WriteAllText(Path.Combine(folder["peft"], "adapter_config.json"), """{"peft_type":"HIRA","task_type":"CAUSAL_LM","r":2,"hira_dropout":0.1,"fan_in_fan_out":true,"init_weights":true,"target_modules":["c_attn"],"modules_to_save":null,"layers_to_transform":[1],"layers_pattern":null,"rank_pattern":{}}""");
        Tensor a = randn(2, 32), b = randn(96, 2);
        SafetensorsWriter.Write(Path.Combine(folder["peft"], "adapter_model.safetensors"), [("base_model.model.transformer.h.1.attn.c_attn.hira_A", a), ("base_model.model.transformer.h.1.attn.c_attn.hira_B", b)]);
        using GptModel model = Tiny.Model(Tiny.Even);
        Tensor own = Weight(model, "blocks.1.qkv").clone();
        using LoraAdapter adapter = LoraAdapter.FromPretrained(model, folder["peft"]);
        Assert.Equal(["blocks.1.qkv"], adapter.Targets);
        Assert.Equal(0.1, adapter.Options.Dropout);
        adapter.Merge();
        Assert.True(Difference(own * (1 + matmul(b, a)), Weight(model, "blocks.1.qkv")) < 1e-5);
    }

    [Fact]
    public void Merge_FoldersBesideOthers_IsRefused()
    {
        using (GptModel model = Tiny.Model(Tiny.Even))
        {
            using (LoraAdapter adapter = Adapt(model)) adapter.SavePretrained(folder["hira"]);
            using (LoraAdapter adapter = new(model, new() { Rank = Rank })) adapter.SavePretrained(folder["lora"]);
        }
        using GptModel other = Tiny.Model(Tiny.Even);
        var e = Assert.Throws<ArgumentException>(() => AdapterFolder.Merge(other, (folder["lora"], 1), (folder["hira"], 1)));
        Assert.Contains("has factors of its model's weights (HiRA), which other adapters change; merge it alone.", e.Message, StringComparison.Ordinal);
        AdapterFolder.Merge(other, (folder["hira"], 2));
    }

    [Fact]
    public void Validate_LengthsAndFactors_ExcludeEachOther() =>
        Assert.Equal("IsHadamard and IsWeightDecomposed exclude each other; set one of them.", Assert.Throws<ArgumentException>(() => new LoraOptions { IsHadamard = true, IsWeightDecomposed = true }.Validate()).Message);

    private static LoraAdapter Adapt(GptModel model, string name = "default")
    {
        using var generator = new Generator((ulong)name.Length);
        return new(model, new() { Rank = Rank, Alpha = 2 * Rank, IsHadamard = true }, name, generator);
    }

    private static void Randomize(LoraAdapter adapter)
    {
        using IDisposable mode = no_grad();
        foreach (var (_, _, value, _) in adapter.Parameters().Where(p => p.Ours.EndsWith(".b", StringComparison.Ordinal))) value.copy_(randn(value.shape) * 0.01);
    }

    /// <summary>W ⊙ (1 + s·B·A), in 64 bits.</summary>
    private static Tensor Formula(GptModel weights, LoraAdapter adapter, string target)
    {
        Dictionary<string, Tensor> values = ((nn.Module)adapter.Model).state_dict();
        Tensor b = values[$"{target}.transform.default.b"].to(ScalarType.Float64), a = values[$"{target}.transform.default.a"].to(ScalarType.Float64), weight = Weight(weights, target).to(ScalarType.Float64);
        double scale = Math.Pow(2, Math.Round(Math.Log2(adapter.Options.Scale / weight.pow(2).mean().sqrt().item<double>())));
        return weight * (1 + scale * matmul(b, a));
    }

    private static Tensor Weight(GptModel model, string target) => model.state_dict()[target + ".weight"].detach();

    private static void Set(GptModel model, string target, Tensor weight)
    {
        using IDisposable mode = no_grad();
        model.state_dict()[target + ".weight"].copy_(weight);
    }

    private static Tensor Logits(GptModel model)
    {
        using IDisposable mode = no_grad();
        model.eval();
        return model.Forward(new() { Ids = tensor([1L, 5, 9, 2, 30, 7], [2, 3]) }).Logits!;
    }

    private static double Difference(Tensor expected, Tensor actual) => ((actual - expected).norm() / expected.norm()).item<float>();
}

using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
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

/// <summary>Adapters beside weights of few bits (QLoRA).</summary>
[Collection(nameof(RunsAlone))]
public sealed class QuantizedLoraTests : IDisposable
{
    private static readonly GptConfig s_config = new() { VocabSize = 31, ContextLength = 11, LayerCount = 2, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128, Dropout = 0, InitializerRange = 0.1 };

    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<QuantizationScheme> Schemes => new() { QuantizationScheme.NormalFloat4, QuantizationScheme.Int4Weights, QuantizationScheme.Int8Weights };

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Fact]
    public void Adapter_QuantizedHead_IsRefusedAndOneThatIsLeftOutIsTrained()
    {
        using (GptModel whole = new(s_config, ModelHead.SequenceClassification)) whole.SavePretrained(folder["classifier"]);
        using (GptModel reader = new(s_config)) reader.SavePretrained(folder["reader"]);
        QuantizationOptions options = new() { Scheme = QuantizationScheme.Int8Weights };

        using ITransformerModel trained = AutoModel.FromPretrained(folder["classifier"]);
        Quantizer.Quantize(trained, options);
        long free = ((nn.Module)trained).parameters().Count(p => p.requires_grad);
        var error = Assert.Throws<ArgumentException>(() => new LoraAdapter(trained, new LoraOptions()));
        Assert.Contains("'classifier.weight' would be trained as a whole, and is in few bits", error.Message, StringComparison.Ordinal);
        Assert.Equal(free, ((nn.Module)trained).parameters().Count(p => p.requires_grad));

        using ITransformerModel fresh = AutoModel.FromPretrained(folder["reader"], ModelHead.SequenceClassification);
        Assert.Equal(["classifier.weight"], LoadedWeights.Of(fresh)!.NewParameters);
        Assert.DoesNotContain("classifier", Quantizer.Quantize(fresh, options with { Skip = ["classifier"] }).Maps);
        using var adapter = new LoraAdapter(fresh, new LoraOptions());
        Assert.Contains("classifier.weight", adapter.Trained);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_NormalFloatBase_TrainsTheAdapterAlone(Precision precision)
    {
        using GptModel model = Quantized(QuantizationScheme.NormalFloat4);
        model.SavePretrained(folder["base"]);
        using (var adapter = new LoraAdapter(model, new LoraOptions { Rank = 8, Alpha = 16, Targets = ["*qkv", "*feed_forward_input"] }))
        {
            var options = Tiny.Options(folder["run"], 40) with { Weights = adapter, LearningRate = 2e-2, BatchSize = 8, Precision = precision };
            Tiny.Train(model, new RowsObjective(), options);
        }
        double[] losses = [.. Tiny.Metrics(folder["run"]).Select(line => System.Text.Json.Nodes.JsonNode.Parse(line)!).Where(json => json["loss"] is not null).Select(json => json["loss"]!.GetValue<double>())];
        Assert.True(losses[^1] < 0.8 * losses[0], $"{losses[0]}, then {losses[^1]}");
        model.SavePretrained(folder["after"]);
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["base"], "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["after"], "model.safetensors")));
        Assert.True(File.Exists(Path.Combine(folder["run"], "model", "adapter_model.safetensors")));

        model.eval();
        Tensor ids = Ids(), before = Logits(model, ids);
        using var loaded = (GptModel)AutoModel.FromPretrained(folder["base"]);
        loaded.eval();
        Assert.Equal(Bytes(before), Bytes(Logits(loaded, ids)));
        using var trained = LoraAdapter.FromPretrained(loaded, Path.Combine(folder["run"], "model"));
        Assert.True(((Logits(loaded, ids) - before).norm() / before.norm()).item<float>() > 0.1);
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Backward_AnyBase_HasTheGradientsOfItsValues(QuantizationScheme scheme)
    {
        using GptModel model = Quantized(scheme), plain = Model();
        using (no_grad())
        {
            foreach (var (map, codes) in Maps(plain).Zip(Maps(model))) map.weight.copy_(QuantizedProjection.Of(codes)!.Weight.Dequantize());
        }
        // Not all maps, so that gradients pass some that have no update.
        using LoraAdapter adapter = Adapt(model), reference = Adapt(plain);
        Tensor ids = Ids(), targets = ids.roll(-1, 1);
        model.Loss(ids, targets, ids.numel()).backward();
        plain.Loss(ids, targets, ids.numel()).backward();
        foreach (var (expected, actual) in reference.Parameters().Zip(adapter.Parameters()))
        {
            Assert.Equal(expected.Ours, actual.Ours);
            AssertClose(Doubles(expected.Value.grad!), Doubles(actual.Value.grad!), expected.Value.numel(), 1e-4, expected.Ours, least: 1e-6);
        }
    }

    [Theory]
    [MemberData(nameof(Schemes))]
    public void Merge_AnyBase_TakesTheNearestCodesAndComesBack(QuantizationScheme scheme)
    {
        using GptModel model = Quantized(scheme);
        Tensor ids = Ids(), untouched = Logits(model, ids);
        using (LoraAdapter adapter = Adapt(model))
        {
            Tensor adapted = Logits(model, ids), weight = QuantizedProjection.Of(model.blocks[0].qkv)!.Weight.Dequantize();
            LowRankUpdate update = ((LowRankTransform)model.blocks[0].qkv.Transform!).Updates["default"];
            using QuantizedMatrix expected = QuantizedMatrix.Quantize(weight + update.b.matmul(update.a) * update.Scale, QuantizedProjection.Of(model.blocks[0].qkv)!.Weight.Format);
            adapter.Merge();
            Assert.Equal(Bytes(expected.Dequantize()), Bytes(QuantizedProjection.Of(model.blocks[0].qkv)!.Weight.Dequantize()));
            double error = ((Logits(model, ids) - adapted).norm() / adapted.norm()).item<float>();
            Assert.InRange(error, 1e-4, 0.3);
            adapter.Unmerge();
            Assert.Equal(Bytes(adapted), Bytes(Logits(model, ids)));
            adapter.Merge();
        }
        Assert.All(model.blocks.Select(b => b.qkv), map => Assert.IsType<QuantizedProjection>(map.Transform));
        Assert.NotEqual(Bytes(untouched), Bytes(Logits(model, ids)));
        Assert.Throws<InvalidOperationException>(() => model.Forward(new ModelInput { Ids = ids }));
    }

    [Fact]
    public void Unmerge_FirstOfTwo_LeavesTheCodesOfTheOther()
    {
        using GptModel model = Quantized(QuantizationScheme.Int4Weights);
        byte[] Values() => Bytes(QuantizedProjection.Of(model.blocks[0].qkv)!.Weight.Dequantize());
        byte[] plain = Values();
        using LoraAdapter first = Adapt(model), second = Adapt(model, "second");
        second.Merge();
        byte[] ofSecond = Values();
        second.Unmerge();
        Assert.Equal(plain, Values());
        first.Merge();
        second.Merge();
        first.Unmerge();
        Assert.Equal(ofSecond, Values());
        second.Unmerge();
        Assert.Equal(plain, Values());
        Assert.Contains("nor be 'base'", Assert.Throws<ArgumentException>(() => Adapt(model, "base")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Forward_DecomposedBase_ComputesWithTheLengthsOfItsValues()
    {
        using GptModel model = Quantized(QuantizationScheme.NormalFloat4);
        Tensor ids = Ids(), before = Logits(model, ids);
        using var adapter = new LoraAdapter(model, new LoraOptions { IsWeightDecomposed = true });
        Assert.True(((Logits(model, ids) - before).norm() / before.norm()).item<float>() < 1e-5);
    }

    [Fact]
    public void LoraAdapter_BaseThatRoundsItsInputs_IsRefused()
    {
        using GptModel model = Model();
        Quantizer.Quantize(model, new QuantizationOptions { Skip = ["*qkv"] });
        string message = Assert.Throws<ArgumentException>(() => new LoraAdapter(model, new LoraOptions { Targets = ["*qkv"] })).Message;
        Assert.Contains("rounds its inputs (Int8Dynamic)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Merge_ThatCannotBeRounded_ChangesNothing()
    {
        using GptModel model = Quantized(QuantizationScheme.Int4Weights);
        using LoraAdapter adapter = Adapt(model);
        Tensor ids = Ids(), before = Logits(model, ids);
        using (no_grad()) ((LowRankTransform)model.blocks[1].qkv.Transform!).Updates["default"].b[3, 1] = float.PositiveInfinity;
        Assert.Throws<ArgumentException>(adapter.Merge);
        Assert.False(adapter.IsMerged);
        using (no_grad()) ((LowRankTransform)model.blocks[1].qkv.Transform!).Updates["default"].b[3, 1] = 0.01f;
        Assert.True(((Logits(model, ids) - before).norm() / before.norm()).item<float>() < 0.1);
    }

    [Fact]
    public void Train_QuantizedBase_LeavesNoTensor()
    {
        Evaluate();
        long before = LiveTensors.Count();
        for (int i = 0; i < 2; i++) Evaluate();
        Assert.Equal(before, LiveTensors.Count());

        static void Evaluate()
        {
            using DisposeScope scope = NewDisposeScope();
            using GptModel model = Quantized(QuantizationScheme.NormalFloat4);
            using LoraAdapter adapter = Adapt(model);
            Tensor ids = Ids();
            model.Loss(ids, ids, ids.numel()).backward();
            adapter.Merge();
        }
    }

    private static LoraAdapter Adapt(GptModel model, string name = "default")
    {
        using var generator = new Generator(7);
        var adapter = new LoraAdapter(model, new LoraOptions { Targets = ["*qkv"] }, name, generator);
        using IDisposable mode = no_grad();
        int seed = 20;
        foreach (var (ours, _, value, _) in adapter.Parameters())
        {
            if (ours.EndsWith(".b", StringComparison.Ordinal)) value.copy_(Normal(value.shape, seed++) * 0.05);
        }
        return adapter;
    }

    private static GptModel Quantized(QuantizationScheme scheme)
    {
        GptModel model = Model();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = scheme });
        return model;
    }

    private static GptModel Model()
    {
        GptModel model = Tiny.Model(s_config);
        model.eval();
        return model;
    }

    private static IEnumerable<Projection> Maps(GptModel model) => model.modules().OfType<Projection>();

    private static Tensor Ids()
    {
        using var generator = new Generator(3);
        return randint(0, 31, [2, 11], dtype: ScalarType.Int64, generator: generator);
    }

    private static Tensor Logits(GptModel model, Tensor ids)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits;
    }
}

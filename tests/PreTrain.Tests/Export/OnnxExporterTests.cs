using PreTrain.Export;
using PreTrain.Export.Onnx;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Export;

/// <summary>Exported graphs against the models: each operator computed as its specification says, and all of them in ONNX Runtime where it is there.</summary>
public class OnnxExporterTests
{
    private const double Tolerance = 1e-4;

    private delegate List<Dictionary<string, Tensor>> Runner(string path, params IReadOnlyDictionary<string, Tensor>[] calls);

    public static TheoryData<string> Models => [.. OnnxModels.Names];

    public static TheoryData<string> CausalModels => [.. OnnxModels.Names.Where(name => name.EndsWith($":{ModelHead.CausalLanguageModel}", StringComparison.Ordinal))];

    [Theory]
    [MemberData(nameof(Models))]
    public void Export_Model_ComputesTheSame(string name) => Compare(name, new OnnxExportOptions(), Interpret);

    [Theory]
    [Trait("Speed", "Slow")]
    [MemberData(nameof(Models))]
    public void Export_Model_ComputesTheSameInOnnxRuntime(string name)
    {
        OnnxRuntimeProcess.Python();
        foreach (int opset in new[] { OnnxExportOptions.OldestOpset, OnnxExportOptions.NewestOpset }) Compare(name, new OnnxExportOptions { Opset = opset, MaxInlineBytes = opset == OnnxExportOptions.OldestOpset ? 2_000_000_000 : 1000 }, OnnxRuntimeProcess.Run);
    }

    [Theory]
    [MemberData(nameof(CausalModels))]
    public void Export_WithPast_GoesOnAsTheWhole(string name) => ComparePast(name, Interpret);

    [Theory]
    [Trait("Speed", "Slow")]
    [MemberData(nameof(CausalModels))]
    public void Export_WithPast_GoesOnAsTheWholeInOnnxRuntime(string name)
    {
        OnnxRuntimeProcess.Python();
        ComparePast(name, OnnxRuntimeProcess.Run);
    }

    /// <summary>Weights of 8 bits: what the model itself computes with weights that are rounded so.</summary>
    [Theory]
    [InlineData("bert:MaskedLanguageModel")]
    [InlineData("bert:SequenceClassification")]
    [InlineData("gpt2:CausalLanguageModel")]
    [InlineData("llama:CausalLanguageModel")]
    public void Export_EightBitWeights_ComputesWithRoundedOnes(string name)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using ITransformerModel model = OnnxModels.Create(name);
        long plain = OnnxExporter.Export(model, folder["plain.onnx"]).Bytes, small = OnnxExporter.Export(model, folder["a.onnx"], new() { Quantization = OnnxQuantization.Int8Weights }).Bytes;
        Assert.True(small < plain);
        foreach (Projection map in ((nn.Module)model).modules().OfType<Projection>())
        {
            Tensor scale = map.weight.abs().amax([1], keepdim: true) / 127;
            map.weight.copy_((map.weight / scale).round() * scale);
        }
        (Tensor ids, Tensor mask, Tensor types) = OnnxModels.Batch(11, 11, 11);
        Tensor expected = Forward(model, ids, mask, types).Logits;
        foreach (Tensor actual in EveryWay(folder["a.onnx"], Inputs(name, ids, mask, types))) Assert.InRange((actual - expected).abs().max().item<float>(), 0, Tolerance);
    }

    /// <summary>Activations of 8 bits: near to the model, and the error is measured against the spread of the scores.</summary>
    [Theory]
    [InlineData("bert:MaskedLanguageModel")]
    [InlineData("gpt2:CausalLanguageModel")]
    [InlineData("llama:CausalLanguageModel")]
    public void Export_EightBits_ComputesNearlyTheSame(string name)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = OnnxModels.Create(name);
        OnnxExporter.Export(model, folder["a.onnx"], new() { Quantization = OnnxQuantization.Int8Dynamic });
        (Tensor ids, Tensor mask, Tensor types) = OnnxModels.Batch(11, 11, 11);
        Tensor expected = Forward(model, ids, mask, types).Logits;
        foreach (Tensor actual in EveryWay(folder["a.onnx"], Inputs(name, ids, mask, types)))
        {
            double error = ((actual - expected).pow(2).mean().sqrt() / expected.std()).item<float>();
            TestContext.Current.TestOutputHelper?.WriteLine($"{name}: {error:G3}");
            Assert.InRange(error, 1e-3, 0.05);
        }
    }

    [Fact]
    public void Export_File_SaysWhatGoesInAndOut()
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = OnnxModels.Create("llama:CausalLanguageModel");
        OnnxExportResult result = OnnxExporter.Export(model, folder["a.onnx"], new() { HasPast = true, Opset = 19, MaxInlineBytes = 0 });
        var file = new OnnxReader(folder["a.onnx"]);
        Assert.Equal((9, 19), (file.IrVersion, file.Opset));
        Assert.Equal(["input_ids", "attention_mask", "past_key_values.0.key", "past_key_values.0.value", "past_key_values.1.key", "past_key_values.1.value"], result.Inputs);
        Assert.Equal(result.Inputs, file.Inputs.Select(port => port.Name));
        Assert.Equal(result.Outputs, file.Outputs.Select(port => port.Name));
        Assert.Equal(["batch_size", 3L, "past_sequence_length", 4L], file.Inputs[2].Axes);
        Assert.Equal(["batch_size", "sequence_length", (long)OnnxModels.VocabSize], file.Outputs.Single(port => port.Name == "logits").Axes);
        Assert.Equal([folder["a.onnx"], folder["a.onnx.data"]], result.Files);
        Assert.Equal(["a.onnx", "a.onnx.data"], folder.Entries);
        Assert.Equal(result.Bytes, result.Files.Sum(path => new FileInfo(path).Length));
        OnnxExporter.Export(model, folder["a.onnx"]);
        Assert.Equal(["a.onnx"], folder.Entries);
    }

    [Theory]
    [InlineData(OnnxQuantization.None)]
    [InlineData(OnnxQuantization.Int8Weights)]
    [InlineData(OnnxQuantization.Int8Dynamic)]
    public void Export_WeightsThatAreNotFinite_AreRefused(OnnxQuantization quantization)
    {
        using var folder = new TemporaryFolder();
        using ITransformerModel model = OnnxModels.Create("gpt2:CausalLanguageModel");
        var (name, map) = ((nn.Module)model).named_modules().First(m => m.module is Projection);
        using (no_grad()) ((Projection)map).weight[1, 2] = float.NaN;
        Assert.Contains($"The weight '{name}.weight' has values that are not finite", Assert.Throws<ArgumentException>(() => OnnxExporter.Export(model, folder["a.onnx"], new() { Quantization = quantization })).Message);
        Assert.Empty(folder.Entries);
    }

    [Fact]
    public void EightBits_WeightsNextToZero_HaveAScaleThatDivides()
    {
        using DisposeScope scope = NewDisposeScope();
        var (scales, codes) = EightBits.Of("map", full([2, 3], 1e-44));
        Assert.Equal([1, 1], scales);
        Assert.All(codes(), code => Assert.Equal(0, code));
    }

    [Fact]
    public void Export_WhatIsNotKnown_SaysWhy()
    {
        using var folder = new TemporaryFolder();
        Contains("A t5 model cannot be exported as ONNX; bert, distilbert, roberta, xlm-roberta, electra, gpt2, llama, mistral, qwen2, qwen3 can.", () => new T5Model(new T5Config { VocabSize = 31, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8, FeedForwardDim = 8 }), new());
        Contains("HasPast is for a model that predicts the next token, and this bert has the head None.", () => OnnxModels.Create("bert:None"), new() { HasPast = true });
        Contains("Opset (16) must be from 17 to 21. MaxInlineBytes (-1) must be from 0 to 2000000000.", () => OnnxModels.Create("bert:None"), new() { Opset = 16, MaxInlineBytes = -1 });
        Contains("is quantized", () =>
        {
            var model = new GptModel(new GptConfig { VocabSize = 31, ContextLength = 9, LayerCount = 1, HeadCount = 1, EmbeddingDim = 32 });
            Quantizer.Quantize(model, new QuantizationOptions());
            return model;
        }, new());
        Assert.Empty(folder.Entries);

        void Contains(string message, Func<ITransformerModel> create, OnnxExportOptions options)
        {
            using ITransformerModel model = create();
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => OnnxExporter.Export(model, folder["a.onnx"], options)).Message);
        }
    }

    private static List<Dictionary<string, Tensor>> Interpret(string path, params IReadOnlyDictionary<string, Tensor>[] calls) => [.. calls.Select(call => OnnxInterpreter.Run(path, call))];

    /// <summary>The logits of the interpreter, and of ONNX Runtime where it is there.</summary>
    private static IEnumerable<Tensor> EveryWay(string path, Dictionary<string, Tensor> inputs)
    {
        yield return Interpret(path, inputs)[0]["logits"];
        if (OnnxRuntimeProcess.IsThere) yield return OnnxRuntimeProcess.Run(path, inputs)[0]["logits"];
    }

    /// <summary>Two batches of other sizes, one with padding.</summary>
    private static void Compare(string name, OnnxExportOptions options, Runner run)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = OnnxModels.Create(name);
        OnnxExporter.Export(model, folder["a.onnx"], options);
        (Tensor Ids, Tensor Mask, Tensor Types)[] batches = [OnnxModels.Batch(7, 4, 1), OnnxModels.Batch(13, 13)];
        List<Dictionary<string, Tensor>> results = run(folder["a.onnx"], [.. batches.Select(b => Inputs(name, b.Ids, b.Mask, b.Types))]);
        for (int i = 0; i < batches.Length; i++)
        {
            ModelOutput expected = Forward(model, batches[i].Ids, batches[i].Mask, batches[i].Types);
            Tensor there = batches[i].Mask.to(ScalarType.Bool);
            foreach (var (output, actual) in results[i]) Near(Expected(output), actual);

            Tensor Expected(string output) => output switch
            {
                "seq_relationship_logits" => expected.SecondLogits!,
                "pooler_output" => expected.Pooled!,
                "start_logits" => expected.Logits[.., .., 0],
                "end_logits" => expected.Logits[.., .., 1],
                _ => expected.Logits,
            };

            // What stands at a place without a token is not computed by the model.
            void Near(Tensor a, Tensor b)
            {
                Assert.Equal(a.shape, b.shape);
                bool isByToken = a.dim() >= 2 && a.size(1) == there.size(1) && a.size(0) == there.size(0) && (a.dim() > 2 || there.size(1) > 5);
                if (isByToken) (a, b) = (a[there], b[there]);
                Assert.InRange((a - b).abs().max().item<float>(), 0, Tolerance);
                Assert.True(a.abs().max().item<float>() > 0.05f);
            }
        }
    }

    private static void ComparePast(string name, Runner run)
    {
        using var folder = new TemporaryFolder();
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = OnnxModels.Create(name);
        OnnxExporter.Export(model, folder["a.onnx"], new OnnxExportOptions { HasPast = true });
        (Tensor ids, Tensor mask, Tensor types) = OnnxModels.Batch(13, 13);
        const int heads = 3;
        int width = name.StartsWith("gpt2", StringComparison.Ordinal) ? 5 : 4;
        var first = new Dictionary<string, Tensor> { ["input_ids"] = ids[.., ..8].contiguous(), ["attention_mask"] = mask[.., ..8].contiguous() };
        foreach (string what in new[] { "0.key", "0.value", "1.key", "1.value" }) first[$"past_key_values.{what}"] = zeros([2, heads, 0, width]);
        Dictionary<string, Tensor> begun = run(folder["a.onnx"], first)[0];
        var second = new Dictionary<string, Tensor> { ["input_ids"] = ids[.., 8..].contiguous(), ["attention_mask"] = mask };
        foreach (var (output, value) in begun.Where(output => output.Key.StartsWith("present.", StringComparison.Ordinal))) second[$"past_key_values.{output["present.".Length..]}"] = value;
        Tensor logits = cat([begun["logits"], run(folder["a.onnx"], second)[0]["logits"]], 1), expected = Forward(model, ids, mask, types).Logits;
        Assert.InRange((logits - expected).abs().max().item<float>(), 0, Tolerance);
    }

    private static Dictionary<string, Tensor> Inputs(string name, Tensor ids, Tensor mask, Tensor types)
    {
        var inputs = new Dictionary<string, Tensor> { ["input_ids"] = ids, ["attention_mask"] = mask };
        if (name.Split(':')[0] is "bert" or "electra") inputs["token_type_ids"] = types;
        return inputs;
    }

    private static ModelOutput Forward(ITransformerModel model, Tensor ids, Tensor mask, Tensor types)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids, AttentionMask = mask, TokenTypeIds = model.ModelType is "bert" or "electra" ? types : null });
    }
}

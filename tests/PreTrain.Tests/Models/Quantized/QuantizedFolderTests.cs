using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Electra;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Modules;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Quantized;

[Collection(nameof(RunsAlone))]
public sealed class QuantizedFolderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string, QuantizationScheme, bool, bool> Models
    {
        get
        {
            var data = new TheoryData<string, QuantizationScheme, bool, bool>();
            foreach (string family in new[] { "gpt2", "bert", "llama" })
            {
                foreach (QuantizationScheme scheme in new[] { QuantizationScheme.Int8Dynamic, QuantizationScheme.Int8Weights, QuantizationScheme.Int4Weights }) data.Add(family, scheme, true, false);
                data.Add(family, QuantizationScheme.Int4Weights, false, true);
            }
            return data;
        }
    }

    public void Dispose()
    {
        _scope.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("int4", QuantizationScheme.Int4Weights)]
    [InlineData("int8", QuantizationScheme.Int8Weights)]
    public void FromPretrained_CodesPackedByNumpy_HasTransformersLogits(string name, QuantizationScheme scheme)
    {
        string source = Path.Combine(AppContext.BaseDirectory, "Models", "Quantized", "fixtures", name);
        using ITransformerModel model = Load(source);
        Assert.All(Maps(model), map => Assert.Equal(map.Name != "head", map.Map.Transform is QuantizedProjection { Scheme: var s } && s == scheme));
        using SafetensorsFile parity = SafetensorsFile.Open(Path.Combine(source, "parity.safetensors"));
        Tensor expected = parity.Read("logits"), actual = Logits(model, parity.Read("ids"));
        Assert.True((expected - actual).abs().max().item<float>() < 1e-4 * expected.abs().max().item<float>(), $"{(expected - actual).abs().max().item<float>()}");
        model.SavePretrained(folder["again"]);
        Assert.Equal(Tensors(source), Tensors(folder["again"]));
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void SavePretrained_Quantized_LoadsTheSameToTheLastBit(string family, QuantizationScheme scheme, bool symmetric, bool half)
    {
        using ITransformerModel model = Create(family);
        QuantizationResult result = Quantizer.Quantize(model, new QuantizationOptions
        {
            Scheme = scheme,
            GroupSize = 32,
            IsSymmetric = symmetric,
            HasHalfScales = half,
            HasQuantizedTiedHead = family != "bert" && half,
            Skip = [family == "bert" ? "encoder.blocks.1.*" : "blocks.1.*"],
        });
        Tensor ids = Ids(), expected = Logits(model, ids);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = Load(folder["saved"]);
        Assert.Equal(Maps(model).Select(m => (m.Name, m.Map.Transform is null)), Maps(loaded).Select(m => (m.Name, m.Map.Transform is null)));
        Assert.Equal(Bytes(expected), Bytes(Logits(loaded, ids)));
        loaded.SavePretrained(folder["again"]);
        foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(folder["saved"], file)), File.ReadAllBytes(Path.Combine(folder["again"], file)));
        Assert.NotEmpty(result.Maps);
    }

    [Fact]
    public void SavePretrained_FourBits_TakesTheirBytes()
    {
        using ITransformerModel model = Create("llama");
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, IsSymmetric = true, HasHalfScales = true });
        model.SavePretrained(folder["saved"]);
        using CheckpointTensors file = CheckpointTensors.Open(folder["saved"]);
        long codes = file.Names.Where(n => n.EndsWith("_packed", StringComparison.Ordinal)).Sum(n => file.Info(n).ByteCount), scales = file.Names.Where(n => n.EndsWith("_scale", StringComparison.Ordinal)).Sum(n => file.Info(n).ByteCount);
        long weights = 2L * (4 * 64 * 64 + 3 * 64 * 96);
        Assert.Equal(weights / 2, codes);
        Assert.Equal(weights / 32 * 2, scales);
    }

    [Theory]
    [InlineData(QuantizationScheme.NormalFloat4, ScalarType.BFloat16)]
    [InlineData(QuantizationScheme.Int8Static, ScalarType.Float16)]
    [InlineData(QuantizationScheme.Int8Weights, ScalarType.BFloat16)]
    [InlineData(QuantizationScheme.Int4Weights, ScalarType.Float16)]
    public void Convert_QuantizedFolderToAPrecision_KeepsWhatTheCodesMean(QuantizationScheme scheme, ScalarType type)
    {
        foreach (bool doubles in scheme == QuantizationScheme.NormalFloat4 ? new[] { true, false } : [true])
        {
            using GptModel model = Wide();
            QuantizationOptions options = new() { Scheme = scheme, HasDoubleScales = doubles };
            if (scheme == QuantizationScheme.Int8Static) Quantizer.QuantizeStatic(model, options, [.. Enumerable.Range(0, 2).Select(_ => new ModelInput { Ids = Ids() })]);
            else Quantizer.Quantize(model, options);
            string saved = folder[$"saved{doubles}"], half = folder[$"half{doubles}"];
            model.SavePretrained(saved);
            CheckpointConverter.Convert(saved, half, new() { DataType = type });
            using ITransformerModel loaded = Load(half);
            foreach (var (own, other) in Maps(model).Zip(Maps(loaded)))
            {
                if (QuantizedProjection.Of(own.Map) is not { } map) continue;
                QuantizedProjection read = QuantizedProjection.Of(other.Map)!;
                Assert.Equal(map.Weight.Format, read.Weight.Format);
                Assert.Equal(Bytes(map.Weight.Parts().Codes), Bytes(read.Weight.Parts().Codes));
                Assert.Equal(Bytes(map.Weight.Dequantize()), Bytes(read.Weight.Dequantize()));
                Assert.Equal(map.Activations, read.Activations);
            }
            using CheckpointTensors before = CheckpointTensors.Open(saved), after = CheckpointTensors.Open(half);
            Assert.Equal(type, after.Info(after.Names.First(name => name.EndsWith("wte.weight", StringComparison.Ordinal))).DataType);
            if (scheme == QuantizationScheme.Int8Static) Assert.All(before.Names.Where(name => name.EndsWith(".input_scale", StringComparison.Ordinal)), name => Assert.Equal(before.Read(name).bytes, after.Read(name).bytes));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void SavePretrained_NormalFloat_HasTheBytesOfBitsandbytes(bool doubles)
    {
        using GptModel model = Wide();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4, HasDoubleScales = doubles, HasQuantizedTiedHead = true, Skip = ["blocks.1.*"] });
        Tensor ids = Ids(), expected = Logits(model, ids), values = QuantizedProjection.Of(model.blocks[0].feed_forward_input)!.Weight.Dequantize();
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = Load(folder["saved"]);
        Assert.Equal(Bytes(expected), Bytes(Logits(loaded, ids)));
        loaded.SavePretrained(folder["again"]);
        foreach (string file in new[] { "config.json", "model.safetensors" }) Assert.Equal(File.ReadAllBytes(Path.Combine(folder["saved"], file)), File.ReadAllBytes(Path.Combine(folder["again"], file)));

        // As its readers decode it: a table for the halves of a byte, and for the scales a second one with an offset.
        const string name = "transformer.h.0.mlp.c_fc.weight";
        using CheckpointTensors stored = CheckpointTensors.Open(folder["saved"]);
        byte[] pairs = stored.Read(name).data<byte>().ToArray();
        JsonNode state = JsonNode.Parse(stored.Read(name + ".quant_state.bitsandbytes__nf4").data<byte>().ToArray())!;
        Assert.Equal(("nf4", 64, 256, 64), (state["quant_type"]!.GetValue<string>(), state["blocksize"]!.GetValue<int>(), state["shape"]![0]!.GetValue<int>(), state["shape"]![1]!.GetValue<int>()));
        float[] table = stored.Read(name + ".quant_map").data<float>().ToArray(), actual = values.data<float>().ToArray();
        float[] scales = doubles ? [.. Nested()] : stored.Read(name + ".absmax").data<float>().ToArray();
        for (int i = 0; i < actual.Length; i++) Assert.Equal(table[i % 2 == 0 ? pairs[i / 2] >> 4 : pairs[i / 2] & 15] * scales[i / 64], actual[i]);

        IEnumerable<float> Nested()
        {
            byte[] codes = stored.Read(name + ".absmax").data<byte>().ToArray();
            float[] map = stored.Read(name + ".nested_quant_map").data<float>().ToArray(), largest = stored.Read(name + ".nested_absmax").data<float>().ToArray();
            return codes.Select((code, i) => map[code] * largest[i / 256] + state["nested_offset"]!.GetValue<float>());
        }
    }

    [Theory]
    [InlineData("\"nf4\"", "\"fp4\"", "bnb_4bit_quant_type is \"fp4\"")]
    [InlineData("\"load_in_4bit\": true", "\"load_in_4bit\": false", "load_in_4bit is false")]
    [InlineData("\"bnb_4bit_use_double_quant\": true", "\"bnb_4bit_use_double_quant\": false", "config.json asks for Float32")]
    public void FromPretrained_AnotherNormalFloat_IsNamed(string before, string after, string message)
    {
        using GptModel model = Wide();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4 });
        model.SavePretrained(folder["saved"]);
        string path = Path.Combine(folder["saved"], "config.json"), text = File.ReadAllText(path);
        Assert.Contains(before, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(before, after, StringComparison.Ordinal));
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("bert", "cls.predictions.decoder")]
    [InlineData("roberta", "lm_head.decoder")]
    [InlineData("distilbert", "vocab_projector")]
    [InlineData("electra", "generator_lm_head")]
    [InlineData("modernbert", "decoder")]
    [InlineData("gpt2", "lm_head")]
    [InlineData("llama", "lm_head")]
    public void SavePretrained_MapThatIsTheEmbedding_IsNamedAsWithoutCodes(string family, string name)
    {
        foreach (bool isNormal in new[] { false, true })
        {
            using ITransformerModel quantized = family == "gpt2" ? Wide() : family == "llama" ? Create(family) : CreateMasked(family);
            // The last map of Llama's layers has 96 inputs, which groups of 64 do not divide.
            Quantizer.Quantize(quantized, new QuantizationOptions { Scheme = isNormal ? QuantizationScheme.NormalFloat4 : QuantizationScheme.Int8Weights, Skip = [.. Maps(quantized).Where(m => m.Map.weight.size(1) % 64 != 0).Select(m => m.Name)] });
            quantized.SavePretrained(folder["saved"]);
            JsonNode config = ConfigOf(folder["saved"]);
            Assert.Contains(name, config[isNormal ? "llm_int8_skip_modules" : "ignore"]!.AsArray().Select(one => one!.GetValue<string>()));
        }
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("[\"re:.*lm_head\"]")]
    public void FromPretrained_TiedHead_IsQuantizedWhereTheFileSaysSo(string ignored)
    {
        foreach (bool isTied in new[] { false, true })
        {
            using GptModel model = Wide();
            Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, HasQuantizedTiedHead = isTied });
            model.SavePretrained(folder["saved"]);
            Assert.Equal(["lm_head"], ConfigOf(folder["saved"])["ignore"]!.AsArray().Select(one => one!.GetValue<string>()));
            Change(folder["saved"], config => config["ignore"] = JsonNode.Parse(ignored));
            using var loaded = (GptModel)Load(folder["saved"]);
            Assert.Equal(isTied, loaded.token_head!.Quantized is not null);
        }
        Change(folder["saved"], config => config["config_groups"]!["group_1"] = config["config_groups"]!["group_0"]!.DeepClone());
        Assert.Contains("has pretrain_tied_head with several config_groups", Assert.Throws<CheckpointException>(() => Load(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(QuantizationScheme.Int8Static)]
    [InlineData(QuantizationScheme.Int8Weights)]
    [InlineData(QuantizationScheme.Int4Weights)]
    [InlineData(QuantizationScheme.NormalFloat4)]
    public void FromPretrained_Quantized_LeavesNothingOut(QuantizationScheme scheme)
    {
        using GptModel model = Wide();
        QuantizationOptions options = new() { Scheme = scheme, GroupSize = scheme == QuantizationScheme.NormalFloat4 ? 64 : 32, HasDoubleScales = scheme == QuantizationScheme.NormalFloat4 };
        if (scheme == QuantizationScheme.Int8Static) Quantizer.QuantizeStatic(model, options, [.. Enumerable.Range(0, 2).Select(_ => new ModelInput { Ids = Ids() })]);
        else Quantizer.Quantize(model, options);
        model.SavePretrained(folder["saved"]);
        using ITransformerModel loaded = Load(folder["saved"]);
        Assert.Empty(LoadedWeights.Of(loaded)!.LeftOut);
    }

    [Theory]
    [InlineData("\"shape\":[192,64]", "\"shape\":[64,192]", "its shape is [64,192]; [192,64] is known")]
    [InlineData("\"nested_blocksize\":256", "\"nested_blocksize\":512", "its nested_blocksize is 512; 256 is known")]
    [InlineData("\"quant_type\":\"nf4\"", "\"quant_type\":\"fp4\"", "its quant_type is \"fp4\"; \"nf4\" is known")]
    [InlineData("\"blocksize\":64", "\"blocksize\":32", "its blocksize is 32; 64 is known")]
    public void FromPretrained_AnotherNormalFloatState_IsNamed(string before, string after, string message)
    {
        using GptModel model = Wide();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4, HasDoubleScales = true });
        model.SavePretrained(folder["saved"]);
        Replace(folder["saved"], "transformer.h.0.attn.c_attn.weight.quant_state.bitsandbytes__nf4", state =>
        {
            string text = System.Text.Encoding.UTF8.GetString(state.data<byte>().ToArray());
            Assert.Contains(before, text, StringComparison.Ordinal);
            return tensor(System.Text.Encoding.UTF8.GetBytes(text.Replace(before, after, StringComparison.Ordinal)));
        });
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromPretrained_PackedCodesOfAnotherShape_AreRefused()
    {
        using GptModel model = Wide();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 });
        model.SavePretrained(folder["saved"]);
        Replace(folder["saved"], "transformer.h.0.attn.c_attn.weight_shape", shape => shape.flip(0));
        Assert.Contains("it says (64, 192), config.json asks for (192, 64).", Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SavePretrained_FormatsThatDoNotMix_IsRefused()
    {
        using GptModel model = Wide();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.NormalFloat4, Skip = ["blocks.1.*"] });
        new QuantizedProjection(QuantizedMatrix.Quantize(model.blocks[1].qkv.weight, QuantizedFormat.Int8), QuantizationScheme.Int8Dynamic).Replace(model.blocks[1].qkv);
        Assert.Contains("maps in 2 formats (NormalFloat4, Int8Dynamic)", Assert.Throws<InvalidOperationException>(() => model.SavePretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"compressed-tensors\"", "\"gptq\"", "quant_method is \"gptq\"")]
    [InlineData("\"num_bits\": 4", "\"num_bits\": 3", "num_bits is 3")]
    [InlineData("\"group_size\": 32", "\"group_size\": 48", "GroupSize (48) must be 32, 64 or 128")]
    [InlineData("\"group_size\": 32", "\"group_size\": 64", "config.json asks for")]
    [InlineData("\"symmetric\": true", "\"symmetric\": false", "weight_zero_point is missing")]
    [InlineData("\"config_groups\"", "\"groups\"", "no config_groups")]
    [InlineData("\"output_activations\": null", "\"output_activations\": { \"num_bits\": 8 }", "has output_activations")]
    [InlineData("\"quantization_status\"", "\"kv_cache_scheme\": { \"num_bits\": 8 }, \"quantization_status\"", "has a kv_cache_scheme")]
    [InlineData("\"quantization_status\"", "\"transform_config\": { \"config_groups\": {} }, \"quantization_status\"", "has a transform_config")]
    [InlineData("\"quantization_status\"", "\"sparsity_config\": { \"format\": \"sparse-24-bitmask\" }, \"quantization_status\"", "format is \"sparse-24-bitmask\"; a quantized model with a sparsity_config computes \"dense\".")]
    public void FromPretrained_AnotherFormat_IsNamed(string before, string after, string message)
    {
        using ITransformerModel model = Create("gpt2");
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, IsSymmetric = true });
        model.SavePretrained(folder["saved"]);
        string path = Path.Combine(folder["saved"], "config.json"), text = File.ReadAllText(path);
        Assert.Contains(before, text, StringComparison.Ordinal);
        File.WriteAllText(path, text.Replace(before, after, StringComparison.Ordinal));
        Assert.Contains(message, Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void FromPretrained_NothingBesideTheCodes_IsRead()
    {
        using ITransformerModel model = Create("gpt2");
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights });
        model.SavePretrained(folder["saved"]);
        Edit(folder["saved"], json => (json["kv_cache_scheme"], json["transform_config"], json["sparsity_config"]) = (null, new JsonObject(), new JsonObject { ["format"] = "dense" }));
        using ITransformerModel loaded = Load(folder["saved"]);
        Assert.Equal(Bytes(Logits(model, Ids())), Bytes(Logits(loaded, Ids())));
    }

    [Fact]
    public void FromPretrained_SymmetricActivations_AreRoundedAroundZero()
    {
        using ITransformerModel model = Create("llama");
        Quantizer.Quantize(model, new QuantizationOptions());
        model.SavePretrained(folder["saved"]);
        Edit(folder["saved"], json => Inputs(json)["symmetric"] = true);

        using ITransformerModel loaded = Load(folder["saved"]);
        Assert.NotEqual(Bytes(Logits(model, Ids())), Bytes(Logits(loaded, Ids())));
        QuantizedProjection map = QuantizedProjection.Of(Maps(loaded).First(m => m.Map.Transform is not null).Map)!;
        Tensor x = Normal([3, map.Weight.Inputs], 3) + 0.4;
        using (IDisposable mode = no_grad())
        {
            // As compressed-tensors rounds them: 255 steps from the largest magnitude below 0 to that above.
            Tensor step = x.abs().amax([1], keepdim: true) / 127.5, codes = (x / step).round().clamp(-128, 127), expected = (codes * step).mm(map.Weight.Dequantize().t());
            AssertClose(Doubles(expected), Doubles(map.Multiply(x, null)), expected.size(1), 1e-5, "products", least: 0.1);
        }

        loaded.SavePretrained(folder["again"]);
        Assert.True(Inputs(JsonNode.Parse(File.ReadAllText(folder["again/config.json"]))!["quantization_config"]!)["symmetric"]!.GetValue<bool>());
        using ITransformerModel again = Load(folder["again"]);
        Assert.Equal(Bytes(Logits(loaded, Ids())), Bytes(Logits(again, Ids())));

        // Which is what it means to say nothing.
        Edit(folder["again"], json => Inputs(json).Remove("symmetric"));
        using ITransformerModel silent = Load(folder["again"]);
        Assert.Equal(Bytes(Logits(loaded, Ids())), Bytes(Logits(silent, Ids())));

        static JsonObject Inputs(JsonNode json) => json["config_groups"]!["group_0"]!["input_activations"]!.AsObject();
    }

    [Fact]
    public void FromPretrained_NoQuantizationConfig_NamesTheCodes()
    {
        using ITransformerModel model = Create("gpt2");
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights });
        model.SavePretrained(folder["saved"]);
        string path = Path.Combine(folder["saved"], "config.json");
        JsonObject json = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        json.Remove("quantization_config");
        File.WriteAllText(path, json.ToJsonString());
        Assert.Contains("weight_packed is not expected", Assert.Throws<CheckpointException>(() => AutoModel.FromPretrained(folder["saved"])).Message, StringComparison.Ordinal);
        using ITransformerModel plain = Create("gpt2");
        Assert.Contains("quantized", Assert.Throws<CheckpointException>(() => plain.LoadPretrained(folder["saved"])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void LoraAdapter_QuantizedModel_IsRefused()
    {
        using ITransformerModel model = Create("llama");
        Quantizer.Quantize(model, new QuantizationOptions());
        Assert.Contains("rounds its inputs (Int8Dynamic)", Assert.Throws<ArgumentException>(() => new LoraAdapter(model, new LoraOptions())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_QuantizedModel_LeavesNoTensor()
    {
        using (ITransformerModel model = Create("gpt2"))
        {
            Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32, HasQuantizedTiedHead = true });
            model.SavePretrained(folder["saved"]);
        }
        Evaluate();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Evaluate();
        Assert.Equal(before, LiveTensors.Count());

        void Evaluate()
        {
            using DisposeScope scope = NewDisposeScope();
            using ITransformerModel model = Load(folder["saved"]);
            Logits(model, Ids());
            model.SavePretrained(folder["again"]);
        }
    }

    private static void Edit(string of, Action<JsonNode> edit)
    {
        string path = Path.Combine(of, "config.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        edit(json["quantization_config"]!);
        File.WriteAllText(path, json.ToJsonString());
    }

    private static ITransformerModel Create(string family)
    {
        using var generator = new Generator(5);
        nn.Module model = family switch
        {
            "gpt2" => new GptModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 96, Dropout = 0 }, generator: generator),
            "bert" => new BertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 4, EmbeddingDim = 96, FeedForwardDim = 160, Dropout = 0, AttentionDropout = 0 }, ModelHead.SequenceClassification, generator),
            _ => new LlamaModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 4, KeyValueHeadCount = 4, EmbeddingDim = 64, HeadWidth = 16, FeedForwardDim = 96, IsHeadTied = true }, generator: generator),
        };
        model.eval();
        return (ITransformerModel)model;
    }

    private static ITransformerModel CreateMasked(string family)
    {
        using var generator = new Generator(5);
        const ModelHead head = ModelHead.MaskedLanguageModel;
        return family switch
        {
            "roberta" => new RobertaModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128 }, head, generator),
            "distilbert" => new DistilBertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128 }, head, generator),
            "electra" => new ElectraModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128 }, head, generator),
            "modernbert" => new ModernBertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128, PaddingId = 0 }, head, generator),
            _ => new BertModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 1, HeadCount = 2, EmbeddingDim = 64, FeedForwardDim = 128 }, head, generator),
        };
    }

    private static JsonNode ConfigOf(string path) => JsonNode.Parse(File.ReadAllText(Path.Combine(path, "config.json")))!["quantization_config"]!;

    private static void Change(string path, Action<JsonNode> change)
    {
        string file = Path.Combine(path, "config.json");
        JsonNode json = JsonNode.Parse(File.ReadAllText(file))!;
        change(json["quantization_config"]!);
        File.WriteAllText(file, json.ToJsonString());
    }

    private static void Replace(string path, string name, Func<Tensor, Tensor> change)
    {
        (string Name, Tensor Value)[] all;
        using (CheckpointTensors file = CheckpointTensors.Open(path)) all = [.. file.Names.Select(n => (n, n == name ? change(file.Read(n)) : file.Read(n)))];
        Assert.Contains(all, entry => entry.Name == name);
        SafetensorsWriter.Write(Path.Combine(path, "model.safetensors"), all, new Dictionary<string, string> { ["format"] = "pt" });
    }

    private static GptModel Wide()
    {
        using var generator = new Generator(5);
        var model = new GptModel(new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 4, EmbeddingDim = 64, Dropout = 0 }, generator: generator);
        model.eval();
        return model;
    }

    private static ITransformerModel Load(string path)
    {
        ITransformerModel model = AutoModel.FromPretrained(path);
        ((nn.Module)model).eval();
        return model;
    }

    private static List<(string Name, Projection Map)> Maps(ITransformerModel model) => [.. ((nn.Module)model).named_modules().Where(m => m.module is Projection).Select(m => (m.name, (Projection)m.module))];

    private static Tensor Ids()
    {
        using var generator = new Generator(3);
        return randint(0, 43, [2, 13], dtype: ScalarType.Int64, generator: generator);
    }

    private static Tensor Logits(ITransformerModel model, Tensor ids)
    {
        using IDisposable mode = no_grad();
        return model.Forward(new ModelInput { Ids = ids }).Logits;
    }

    /// <summary>Every tensor of a folder: name, type, shape and bytes.</summary>
    private static List<string> Tensors(string path)
    {
        using CheckpointTensors file = CheckpointTensors.Open(path);
        return [.. file.Names.Order(StringComparer.Ordinal).Select(n => $"{n} {file.Info(n).DataType} {string.Join(",", file.Info(n).Shape)} {Convert.ToHexString(Bytes(file.Read(n)))}")];
    }
}

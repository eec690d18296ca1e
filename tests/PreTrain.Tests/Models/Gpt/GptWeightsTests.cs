using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Gpt;

public sealed class GptWeightsTests : IDisposable
{
    private static readonly GptConfig s_config = new() { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 53, Dropout = 0.25, NormEpsilon = 3e-5, InitializerRange = 0.03 };

    private readonly DisposeScope _scope = NewDisposeScope();
    private readonly TemporaryFolder _folder = new();

    private string ConfigPath => _folder["config.json"];

    private string WeightsPath => _folder["model.safetensors"];

    public void Dispose()
    {
        _folder.Dispose();
        _scope.Dispose();
    }

    private static GptModel Create()
    {
        using var generator = new Generator(3);
        return new GptModel(s_config, generator: generator);
    }

    /// <summary>Saves a model, and again with other tensors and another configuration.</summary>
    private void Save(Action<Dictionary<string, Tensor>>? tensors = null, Action<JsonObject>? config = null)
    {
        using GptModel model = Create();
        model.SavePretrained(_folder.Root);
        if (config is not null)
        {
            var json = JsonNode.Parse(File.ReadAllText(ConfigPath))!.AsObject();
            config(json);
            File.WriteAllText(ConfigPath, json.ToJsonString());
        }
        if (tensors is not null)
        {
            Dictionary<string, Tensor> all;
            using (SafetensorsFile file = SafetensorsFile.Open(WeightsPath)) all = file.Names.ToDictionary(n => n, file.Read);
            tensors(all);
            SafetensorsWriter.Write(WeightsPath, all.Select(t => (t.Key, t.Value)));
        }
    }

    private CheckpointException Load() => Assert.Throws<CheckpointException>(() => GptModel.FromPretrained(_folder.Root));

    [Fact]
    public void SavePretrained_ThenLoaded_IsTheSameModelBitForBit()
    {
        using GptModel model = Create();
        model.SavePretrained(_folder.Root);

        using GptModel loaded = GptModel.FromPretrained(_folder.Root);

        Assert.Equal(model.Config, loaded.Config);
        Dictionary<string, Tensor> expected = model.state_dict(), actual = loaded.state_dict();
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (string name in expected.Keys) Assert.Equal(Bytes(expected[name]), Bytes(actual[name]));
        Assert.All(loaded.parameters(), p => Assert.True(p.requires_grad));
        Assert.Equal(["config.json", "model.safetensors"], Directory.GetFileSystemEntries(_folder.Root).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData(GptFixture.ThreeLayers)]
    [InlineData(GptFixture.TwoLayers)]
    [InlineData(GptFixture.OneWideLayer)]
    public void SavePretrained_ReferenceWeights_AreTheReferencesFile(string shape)
    {
        using var fixture = new GptFixture(shape);
        using GptModel model = GptModel.FromPretrained(fixture.ModelFolder);

        model.SavePretrained(_folder.Root);

        using SafetensorsFile theirs = SafetensorsFile.Open(Path.Combine(fixture.ModelFolder, "model.safetensors")), ours = SafetensorsFile.Open(WeightsPath);
        Assert.Equal(theirs.Names.Order(), ours.Names.Order());
        Assert.Equal("pt", ours.Metadata["format"]);
        foreach (string name in theirs.Names)
        {
            Assert.Equal(theirs.Info(name).Shape, ours.Info(name).Shape);
            Assert.Equal(theirs.Info(name).DataType, ours.Info(name).DataType);
            Assert.Equal(Bytes(theirs.Read(name)), Bytes(ours.Read(name)));
        }
        // Every entry that we write is one that they know, with the value that they write, but for the special tokens.
        var theirConfig = JsonNode.Parse(File.ReadAllText(Path.Combine(fixture.ModelFolder, "config.json")))!.AsObject();
        foreach (var (name, value) in JsonNode.Parse(File.ReadAllText(ConfigPath))!.AsObject())
        {
            Assert.True(theirConfig.ContainsKey(name), name);
            Assert.True(JsonNode.DeepEquals(theirConfig[name], value), $"{name}: {value?.ToJsonString()}");
        }
    }

    [Fact]
    public void SavePretrained_WholeNumbersThatNeedNotBe_KeepAPoint()
    {
        using var model = new GptModel(s_config with { Dropout = 0 });
        model.SavePretrained(_folder.Root);

        string text = File.ReadAllText(ConfigPath);
        Assert.Contains("\"resid_pdrop\": 0.0,", text);
        Assert.Contains("\"n_layer\": 2,", text);
        Assert.Contains("\"initializer_range\": 0.03,", text);
    }

    [Fact]
    public void SavePretrained_OtherValues_AreSavedInsteadOfTheModels()
    {
        using GptModel model = Create();
        model.to(ScalarType.BFloat16);
        Tensor master = Normal([45, 15], 7);

        model.SavePretrained(_folder.Root, new Dictionary<string, Tensor> { ["blocks.1.qkv.weight"] = master });

        using GptModel loaded = GptModel.FromPretrained(_folder.Root);
        Assert.Equal(Bytes(master), Bytes(loaded.state_dict()["blocks.1.qkv.weight"]));
        Assert.Equal(Bytes(model.token_embedding.to(ScalarType.Float32)), Bytes(loaded.token_embedding));
        Assert.All(loaded.parameters(), p => Assert.Equal(ScalarType.Float32, p.dtype));
    }

    [Fact]
    public void LoadPretrained_FolderOfAnotherModel_TakesItsValuesOrThrows()
    {
        using GptModel model = Create(), other = new(s_config), narrow = new(s_config with { FeedForwardDim = 47 });
        model.SavePretrained(_folder.Root);
        Tensor embedding = other.token_embedding;

        other.LoadPretrained(_folder.Root);

        Assert.Same(embedding, other.token_embedding);
        foreach (string name in model.state_dict().Keys) Assert.Equal(Bytes(model.state_dict()[name]), Bytes(other.state_dict()[name]));
        Assert.Contains("transformer.h.1.mlp.c_fc.bias has shape (53), config.json asks for (47)",
            Assert.Throws<CheckpointException>(() => narrow.LoadPretrained(_folder.Root)).Message);
    }

    [Fact]
    public void Load_NamesWithoutPrefixAndLeftovers_AreUnderstood()
    {
        using GptModel model = Create();
        Save(tensors: all =>
        {
            foreach (string name in all.Keys.ToArray())
            {
                all.Remove(name, out Tensor? t);
                all[name["transformer.".Length..]] = t!;
            }
            all["h.0.attn.bias"] = ones([1, 1, 17, 17]);
            all["h.1.attn.masked_bias"] = tensor(-1e4f);
            all["lm_head.weight"] = all["wte.weight"].clone();
        });

        using GptModel loaded = GptModel.FromPretrained(_folder.Root);

        Assert.Equal(Bytes(model.token_embedding), Bytes(loaded.token_embedding));
    }

    [Fact]
    public void Load_TensorsThatDoNotFit_NamesEachTogether()
    {
        Save(tensors: all =>
        {
            all.Remove("transformer.wpe.weight");
            all["transformer.h.0.attn.c_attn.weight"] = zeros([45, 15]);
            all["transformer.h.1.ln_2.bias"] = zeros([13]);
            all["transformer.h.2.ln_1.weight"] = zeros([15]);
        });

        CheckpointException e = Load();

        Assert.Equal(WeightsPath, e.File);
        Assert.Equal(
            $"{WeightsPath}: transformer.wpe.weight is missing; transformer.h.0.attn.c_attn.weight has shape (45, 15), config.json asks for (15, 45); "
            + "transformer.h.1.ln_2.bias has shape (13), config.json asks for (15); transformer.h.2.ln_1.weight is not expected.", e.Message);
    }

    [Fact]
    public void Load_ConfigThatContradictsTheTensors_NamesThemBeforeTakingMemory()
    {
        Save(config: json => json["vocab_size"] = int.MaxValue);

        Assert.Equal($"{WeightsPath}: transformer.wte.weight has shape (41, 15), config.json asks for (2147483647, 15).", Load().Message);
    }

    [Fact]
    public void Load_ConfigWithManyFaults_NamesEachTogether()
    {
        Save(config: json =>
        {
            json["activation_function"] = "relu";
            json["tie_word_embeddings"] = false;
            json["scale_attn_by_inverse_layer_idx"] = "yes";
            json["n_layer"] = 2.5;
            json["n_head"] = 4;
            json["n_positions"] = 1e12;
            json["resid_pdrop"] = 1.5;
        });

        CheckpointException e = Load();

        Assert.Equal(ConfigPath, e.File);
        Assert.Equal(
            $"{ConfigPath}: activation_function is \"relu\"; a GptModel computes \"gelu_new\" or \"gelu_pytorch_tanh\". tie_word_embeddings is false; a GptModel computes true. "
            + "scale_attn_by_inverse_layer_idx is \"yes\", which is not true or false. n_positions is 1000000000000, which is not a whole number of 32 bits. "
            + "n_layer is 2.5, which is not a whole number of 32 bits. EmbeddingDim (15) must be divisible by HeadCount (4). "
            + "Dropout (1.5) must be at least 0 and below 1.", e.Message);
    }

    [Fact]
    public void Load_OtherModelType_Throws()
    {
        Save(config: json => json["model_type"] = "llama");

        Assert.Equal($"{ConfigPath}: model_type is \"llama\"; a GptModel computes \"gpt2\".", Load().Message);
    }

    [Theory]
    [InlineData("{", "it is not valid JSON: ")]
    [InlineData("[1]", "its top level is not an object.")]
    [InlineData("null", "its top level is not an object.")]
    [InlineData("""{"n_layer": 2, "n_layer": 3}""", "it is not valid JSON: ")]
    public void Load_BrokenConfig_Throws(string text, string fault)
    {
        Save();
        File.WriteAllText(ConfigPath, text);

        Assert.StartsWith($"{ConfigPath}: {fault}", Load().Message);
    }

    [Fact]
    public void Load_MissingFiles_NamesEach()
    {
        Assert.Equal($"{ConfigPath}: missing; a model folder holds config.json and model.safetensors.", Load().Message);
        Save();
        File.Delete(WeightsPath);
        Assert.StartsWith($"{_folder.Root}: the folder holds no weights; it would have model.safetensors, ", Load().Message);
        string none = _folder["none"];
        Assert.Equal($"{none}: the folder does not exist.", Assert.Throws<CheckpointException>(() => GptModel.FromPretrained(none)).Message);
    }

    [Fact]
    public void ToConfigJson_DefaultsLeftOut_AreGpt2s()
    {
        GptConfig config = GptWeights.ToConfig(new ConfigReader([], "config.json"));

        Assert.Equal(GptPresets.Gpt2Small with { Dropout = 0.1, BeginId = 50256, EndIds = [50256] }, config);
        Assert.Equal(s_config, GptWeights.ToConfig(new ConfigReader(GptWeights.ToConfigJson(s_config), "config.json")));
    }
}

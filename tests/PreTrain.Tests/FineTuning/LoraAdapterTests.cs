using PreTrain.Checkpoints;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.ModernBert;
using PreTrain.Modules;
using PreTrain.Tests.Checkpoints;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

[Collection(nameof(RunsAlone))]
public sealed class LoraAdapterTests : IDisposable
{
    private static readonly BertConfig s_bert = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = 15,
        FeedForwardDim = 53,
        Dropout = 0,
        AttentionDropout = 0,
        InitializerRange = 0.2,
        LabelCount = 3,
    };
    private readonly TemporaryFolder folder = new();

    public static TheoryData<bool, bool> Kinds => new() { { false, false }, { true, false }, { false, true }, { true, true } };

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_NewAdapter_ChangesNothing(bool stabilized, bool decomposed)
    {
        using BertModel model = Bert();
        using Tensor before = Logits(model);
        using LoraAdapter adapter = Adapt(model, stabilized, decomposed);
        using Tensor after = Logits(model);
        Assert.True(Difference(before, after) < 1e-5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Forward_TrainedAdapter_IsThatOfTheFormulasWeights(bool stabilized, bool decomposed)
    {
        using BertModel model = Bert();
        using LoraAdapter adapter = Adapt(model, stabilized, decomposed);
        Randomize(adapter);
        using Tensor adapted = Logits(model);

        // W' = W + s·B·A, or with m its rows: m·W'/‖W'‖, written out in 64 bits.
        using BertModel reference = Bert();
        double scale = stabilized ? 7 / Math.Sqrt(3) : 7.0 / 3;
        using (no_grad())
        {
            Dictionary<string, Tensor> values = model.state_dict();
            foreach (string target in adapter.Targets)
            {
                string update = target + ".transform.default.";
                double[,] weight = Matrix(values[target + ".weight"]), a = Matrix(values[update + "a"]), b = Matrix(values[update + "b"]);
                double[]? magnitude = decomposed ? [.. values[update + "magnitude"].data<float>().ToArray().Select(m => (double)m)] : null;
                for (int o = 0; o < weight.GetLength(0); o++)
                {
                    double squares = 0;
                    for (int i = 0; i < weight.GetLength(1); i++)
                    {
                        for (int r = 0; r < 3; r++) weight[o, i] += scale * b[o, r] * a[r, i];
                        squares += weight[o, i] * weight[o, i];
                    }
                    for (int i = 0; i < weight.GetLength(1) && magnitude is not null; i++) weight[o, i] *= magnitude[o] / Math.Sqrt(squares);
                }
                reference.state_dict()[target + ".weight"].copy_(tensor(weight).to(ScalarType.Float32));
            }
        }
        using Tensor expected = Logits(reference), plain = Logits(Bert());
        Assert.True(Difference(expected, plain) > 0.01);
        Assert.True(Difference(expected, adapted) < 1e-4, $"{Difference(expected, adapted)}");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Merge_AndUnmerge_GiveTheSameResultsAndTheWeightsToTheLastBit(bool stabilized, bool decomposed)
    {
        using BertModel model = Bert();
        using LoraAdapter adapter = Adapt(model, stabilized, decomposed);
        Randomize(adapter);
        Dictionary<string, Tensor> before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        using Tensor adapted = Logits(model);
        adapter.Merge();
        using Tensor merged = Logits(model);
        Assert.True(Difference(adapted, merged) < 1e-4);
        Assert.Throws<InvalidOperationException>(adapter.Merge);
        adapter.Unmerge();
        foreach (var (name, value) in model.state_dict()) Assert.True(value.equal(before[name]).all().item<bool>(), name);
        using Tensor again = Logits(model);
        Assert.True(again.equal(adapted).all().item<bool>());
        Assert.Throws<InvalidOperationException>(adapter.Unmerge);
    }

    [Fact]
    public void Unmerge_NotTheLastThatWasMerged_TakesItsOwnUpdateAway()
    {
        using BertModel model = Bert();
        using LoraAdapter first = Adapt(model, false, false, "first"), second = Adapt(model, false, false, "second");
        Randomize(first);
        Randomize(second);
        Dictionary<string, Tensor> plain = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        second.Merge();
        Dictionary<string, Tensor> ofSecond = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        second.Unmerge();
        using Tensor both = Logits(model);
        first.Merge();
        second.Merge();
        first.Unmerge();
        foreach (var (name, value) in model.state_dict()) Assert.True(value.equal(ofSecond[name]).all().item<bool>(), name);
        Assert.True(Difference(both, Logits(model)) < 1e-4);
        second.Unmerge();
        foreach (var (name, value) in model.state_dict()) Assert.True(value.equal(plain[name]).all().item<bool>(), name);
        Assert.True(both.equal(Logits(model)).all().item<bool>());
    }

    [Fact]
    public void Dispose_OneOfTwoMerged_LeavesItsUpdateForGood()
    {
        using BertModel model = Bert(), reference = Bert();
        using LoraAdapter second = Adapt(model, false, false, "second");
        using (LoraAdapter first = Adapt(model, false, false, "first"))
        {
            Randomize(first);
            Randomize(second);
            using (no_grad()) reference.state_dict()["encoder.blocks.0.query.weight"].add_(((LowRankTransform)model.encoder.blocks[0].query.Transform!).Updates["first"].Delta());
            second.Merge();
            first.Merge();
        }
        second.Unmerge();
        Assert.True(Difference(reference.state_dict()["encoder.blocks.0.query.weight"], model.state_dict()["encoder.blocks.0.query.weight"]) < 1e-6);
    }

    [Fact]
    public void Constructor_BesideAnAdapterThatFreezesThem_TrainsWhatItNames()
    {
        using BertModel model = Bert();
        bool Trained(string name) => model.named_parameters().Single(p => p.name == name).parameter.requires_grad;
        using (var first = new LoraAdapter(model, new LoraOptions { Rank = 3, Trained = [] }, "first"))
        {
            Assert.False(Trained("classifier.weight"));
            using (var second = new BitFit(model))
            {
                Assert.True(Trained("classifier.weight"));
                Assert.True(Trained("encoder.blocks.0.query.bias"));
                Assert.Equal(second.ParameterCount, model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()));
            }
            Assert.False(Trained("classifier.weight"));
            Assert.False(Trained("encoder.blocks.0.query.bias"));
        }
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void Dispose_Merged_LeavesAnOrdinaryModel()
    {
        using BertModel model = Bert();
        Tensor merged;
        using (LoraAdapter adapter = Adapt(model, false, true))
        {
            Randomize(adapter);
            adapter.Merge();
            merged = Logits(model);
        }
        model.SavePretrained(folder["model"]);
        using BertModel loaded = BertModel.FromPretrained(folder["model"]);
        loaded.eval();
        using Tensor after = Logits(loaded);
        Assert.True(after.equal(merged).all().item<bool>());
        Assert.All(model.named_parameters(), p => Assert.True(p.parameter.requires_grad, p.name));
        Assert.All(model.named_modules(), m => Assert.Null((m.module as Projection)?.Transform));
        merged.Dispose();
    }

    [Fact]
    public void Constructor_Targets_LeaveTheRestFrozen()
    {
        using BertModel model = Bert();
        using var adapter = new LoraAdapter(model, new LoraOptions { Rank = 3, Targets = ["*.query", "*.value"] });
        Assert.Equal(["encoder.blocks.0.query", "encoder.blocks.0.value", "encoder.blocks.1.query", "encoder.blocks.1.value"], adapter.Targets);
        string[] trained = [.. model.named_parameters().Where(p => p.parameter.requires_grad).Select(p => p.name)];
        Assert.All(trained, name => Assert.True(name.Contains(".transform.") || name.StartsWith("classifier."), name));
        Assert.Equal(4 * 2 + 2, trained.Length);
        Assert.Equal(4 * 3 * (15 + 15) + 15 * 3 + 3, adapter.ParameterCount);
    }

    [Fact]
    public void Backward_Steps_LearnThroughTheAdapterAlone()
    {
        using BertModel model = Bert();
        using LoraAdapter adapter = Adapt(model, false, true);
        using Tensor ids = Ids();
        using Tensor classes = tensor(new long[] { 0, 2, 1 });
        Dictionary<string, Tensor> before = model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone());
        using var optimizer = optim.Adam(model.parameters().Where(p => p.requires_grad), 0.01);
        var losses = new List<float>();
        for (int step = 0; step < 60; step++)
        {
            optimizer.zero_grad();
            using DisposeScope scope = NewDisposeScope();
            Tensor loss = nn.functional.cross_entropy(model.Forward(new() { Ids = ids }).Logits, classes);
            loss.backward();
            losses.Add(loss.item<float>());
            optimizer.step();
        }
        Assert.True(losses[^1] < 0.05 * losses[0], $"{losses[0]} -> {losses[^1]}");
        foreach (var (name, value) in model.state_dict())
            Assert.Equal(!(name.Contains(".transform.") || name.StartsWith("classifier.")), value.equal(before[name]).all().item<bool>());
    }

    [Fact]
    public void IsActive_SeveralAdapters_SumThoseThatAre()
    {
        using BertModel model = Bert();
        using Tensor plain = Logits(model);
        using LoraAdapter first = Adapt(model, false, false, "first"), second = Adapt(model, true, false, "second");
        Randomize(first);
        Randomize(second);
        Assert.Equal(second.ParameterCount, model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()));
        using Tensor both = Logits(model);
        second.IsActive = false;
        using Tensor one = Logits(model);
        first.IsActive = false;
        using Tensor none = Logits(model);
        Assert.True(none.equal(plain).all().item<bool>());
        Assert.True(Difference(one, plain) > 0.01 && Difference(both, one) > 0.01);
        (first.IsActive, second.IsActive) = (true, true);
        first.Merge();
        second.Merge();
        using Tensor merged = Logits(model);
        Assert.True(Difference(merged, both) < 1e-4);
        Assert.Throws<ArgumentException>(() => Adapt(model, false, false, "first"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void FromPretrained_Saved_GivesTheSame(bool decomposed)
    {
        using BertModel model = Bert(), other = Bert();
        using LoraAdapter adapter = Adapt(model, false, decomposed);
        Randomize(adapter, heads: true);
        adapter.SavePretrained(folder["adapter"]);
        using LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"]);
        Assert.Equal(adapter.Targets, loaded.Targets);
        using Tensor expected = Logits(model), actual = Logits(other);
        Assert.True(actual.equal(expected).all().item<bool>());

        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder["adapter"], "adapter_model.safetensors"));
        string[] names = [.. file.Names.Where(name => name.Contains("layer.1.attention.self.key")).Order(StringComparer.Ordinal)];
        string module = "base_model.model.bert.encoder.layer.1.attention.self.key";
        Assert.Equal(decomposed ? [$"{module}.lora_A.weight", $"{module}.lora_B.weight", $"{module}.lora_magnitude_vector"] : [$"{module}.lora_A.weight", $"{module}.lora_B.weight"], names);
        Assert.Contains("base_model.model.classifier.weight", file.Names);
    }

    [Fact]
    public void FromPretrained_NamesAsPeftWritesThem_FitsGpt()
    {
        var config = new GptConfig { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 10, FeedForwardDim = 17, Dropout = 0 };
        Directory.CreateDirectory(folder["peft"]);
        File.WriteAllText(Path.Combine(folder["peft"], "adapter_config.json"), """{"peft_type":"LORA","r":2,"lora_alpha":4,"lora_dropout":0.0,"fan_in_fan_out":true,"bias":"none","target_modules":["c_attn"],"modules_to_save":null}""");
        using Tensor a = randn(2, 10), b = randn(30, 2);
        SafetensorsWriter.Write(Path.Combine(folder["peft"], "adapter_model.safetensors"),
            [("base_model.model.transformer.h.0.attn.c_attn.lora_A.weight", a), ("base_model.model.transformer.h.0.attn.c_attn.lora_B.weight", b)]);
        using var model = new GptModel(config);
        model.eval();
        using LoraAdapter adapter = LoraAdapter.FromPretrained(model, folder["peft"]);
        Assert.Equal(["blocks.0.qkv"], adapter.Targets);
        using Tensor before = model.state_dict()["blocks.0.qkv.weight"].clone(), expected = before + 2 * matmul(b, a);
        adapter.Merge();
        Assert.True(Difference(expected, model.state_dict()["blocks.0.qkv.weight"]) < 1e-5);
    }

    [Fact]
    public void SavePretrained_MapsTrainedAsAWhole_LieAsInTheModelsCheckpoint()
    {
        var config = new GptConfig { VocabSize = 31, ContextLength = 13, LayerCount = 1, HeadCount = 2, EmbeddingDim = 10, FeedForwardDim = 17, Dropout = 0 };
        using GptModel model = new(config), other = new(config);
        using (var adapter = new LoraAdapter(model, new LoraOptions { Targets = ["*qkv"], Trained = ["*feed_forward*", "*attention_output*"] })) adapter.SavePretrained(folder["adapter"]);
        model.SavePretrained(folder["model"]);
        using SafetensorsFile whole = SafetensorsFile.Open(Path.Combine(folder["model"], "model.safetensors")), file = SafetensorsFile.Open(Path.Combine(folder["adapter"], "adapter_model.safetensors"));
        foreach (string name in new[] { "h.0.mlp.c_fc.weight", "h.0.attn.c_proj.weight", "h.0.attn.c_proj.bias" })
            Assert.Equal(Bytes(whole.Read("transformer." + name)), Bytes(file.Read("base_model.model.transformer." + name)));
        using LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"]);
        Assert.Equal(Bytes(model.state_dict()["blocks.0.attention_output.weight"]), Bytes(other.state_dict()["blocks.0.attention_output.weight"]));
    }

    [Fact]
    public void FromPretrained_LayersThatPeftLeftOut_AreThoseOfTheFile()
    {
        using BertModel model = Bert(), other = Bert();
        using (LoraAdapter adapter = new(model, new LoraOptions { Rank = 3, Targets = ["*blocks.1.query"] })) adapter.SavePretrained(folder["adapter"]);
        string config = Path.Combine(folder["adapter"], "adapter_config.json");
        System.Text.Json.Nodes.JsonNode json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!;
        json["target_modules"] = new System.Text.Json.Nodes.JsonArray("query");
        json["layers_to_transform"] = new System.Text.Json.Nodes.JsonArray(1);
        File.WriteAllText(config, json.ToJsonString());
        using (LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"])) Assert.Equal(["encoder.blocks.1.query"], loaded.Targets);
        json["alora_invocation_tokens"] = new System.Text.Json.Nodes.JsonArray(5, 7);
        File.WriteAllText(config, json.ToJsonString());
        Assert.Contains("alora_invocation_tokens ([5,7]) is not known", Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(other, folder["adapter"])).Message);
    }

    [Fact]
    public void FromPretrained_AdapterOfAnotherModel_NamesEveryMisfit()
    {
        using BertModel model = Bert(), wider = new BertModel(s_bert with { EmbeddingDim = 18 }, ModelHead.SequenceClassification);
        using LoraAdapter adapter = new(wider, new LoraOptions { Rank = 3, Targets = ["*.query"] });
        adapter.SavePretrained(folder["adapter"]);
        var e = Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(model, folder["adapter"]));
        Assert.Contains("layer.0.attention.self.query.lora_A.weight has shape (3, 18), and the model's is (3, 15)", e.Message);
        Assert.Contains("layer.1.attention.self.query.lora_A.weight has shape", e.Message);
        Assert.All(model.named_parameters(), p => Assert.True(p.parameter.requires_grad));

        using var llama = new LlamaModel(new LlamaConfig { VocabSize = 31, EmbeddingDim = 12, LayerCount = 1, HeadCount = 2, KeyValueHeadCount = 1, FeedForwardDim = 17, ContextLength = 13 });
        e = Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(llama, folder["adapter"]));
        Assert.Contains("the adapter is for another one", e.Message);
    }

    [Fact]
    public void Dispose_FirstOfTwo_LeavesTheModelFrozenForTheOther()
    {
        using BertModel model = Bert();
        var first = new LoraAdapter(model, new LoraOptions { Rank = 3 }, "first");
        var second = new LoraAdapter(model, new LoraOptions { Rank = 3 }, "second");
        first.Dispose();
        Assert.Equal(second.ParameterCount, model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()));
        second.Dispose();
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void FromPretrained_NormsTrainedInPart_AreReadBack()
    {
        using BertModel model = Bert(), other = Bert();
        using (LoraAdapter adapter = new(model, new LoraOptions { Rank = 3, Trained = ["*norm.weight"] }))
        {
            using (no_grad()) foreach (var (name, parameter) in model.named_parameters()) if (name.EndsWith("norm.weight", StringComparison.Ordinal)) parameter.fill_(1.5f);
            adapter.SavePretrained(folder["adapter"]);
        }
        using LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"]);
        foreach (var (name, parameter) in other.named_parameters())
            if (name.EndsWith("norm.weight", StringComparison.Ordinal)) Assert.Equal(1.5f, parameter.data<float>()[0]);
    }

    [Fact]
    public void FromPretrained_AllLinear_FitsAllMapsButTheClassifierAndNamesTheFileOfABadPattern()
    {
        using BertModel model = Bert(), other = Bert();
        using (LoraAdapter adapter = new(model, new LoraOptions { Rank = 3, Targets = ["*blocks.*", "pooler"] })) adapter.SavePretrained(folder["adapter"]);
        string config = Path.Combine(folder["adapter"], "adapter_config.json");
        System.Text.Json.Nodes.JsonNode json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!;
        json["target_modules"] = "all-linear";
        File.WriteAllText(config, json.ToJsonString());
        using (LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"]))
        {
            Assert.Equal(2 * 6 + 1, loaded.Targets.Count);
            Assert.DoesNotContain("classifier", loaded.Targets);
        }

        json["target_modules"] = "encoder.(";
        File.WriteAllText(config, json.ToJsonString());
        var e = Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(other, folder["adapter"]));
        Assert.Contains(config, e.Message);
        Assert.Contains("target_modules ('encoder.(') is no regular expression that can be used", e.Message);

        json["target_modules"] = "all-linear";
        json["alpha_pattern"] = new System.Text.Json.Nodes.JsonObject { ["query"] = 64 };
        json["init_lora_weights"] = "pissa_niter_4";
        File.WriteAllText(config, json.ToJsonString());
        e = Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(other, folder["adapter"]));
        Assert.Contains("alpha_pattern ({\"query\":64}) is not known", e.Message);
        Assert.Contains("init_lora_weights ('pissa_niter_4') changes the weights of the model beneath", e.Message);
    }

    [Theory]
    [InlineData("[\"query\", \"classifier\", \"pooler.dense\"]")]
    [InlineData("\".*(query|classifier|dense)\"")]
    public void FromPretrained_MapsInsideOfModulesToSave_AreNotAdapted(string targets)
    {
        using BertModel model = Bert(), other = Bert();
        bool isList = targets[0] == '[';
        string[] adapted = isList ? ["*query"] : ["*query", "*attention_output", "*feed_forward_input", "*feed_forward_output"];
        using (LoraAdapter adapter = new(model, new LoraOptions { Rank = 3, Targets = adapted, Trained = ["*classifier*", "pooler.*"] })) adapter.SavePretrained(folder["adapter"]);
        string config = Path.Combine(folder["adapter"], "adapter_config.json");
        System.Text.Json.Nodes.JsonNode json = System.Text.Json.Nodes.JsonNode.Parse(File.ReadAllText(config))!;
        json["target_modules"] = System.Text.Json.Nodes.JsonNode.Parse(targets);
        json["modules_to_save"] = new System.Text.Json.Nodes.JsonArray("classifier", "pooler");
        File.WriteAllText(config, json.ToJsonString());

        using LoraAdapter loaded = LoraAdapter.FromPretrained(other, folder["adapter"]);

        Assert.Equal(2 * adapted.Length, loaded.Targets.Count);
        Assert.Superset(new HashSet<string> { "classifier.weight", "pooler.weight" }, loaded.Trained.ToHashSet());

        json["init_lora_weights"] = "lora_ga";
        File.WriteAllText(config, json.ToJsonString());
        Assert.Contains("init_lora_weights ('lora_ga') changes the weights of the model beneath", Assert.Throws<CheckpointException>(() => LoraAdapter.FromPretrained(other, folder["adapter"])).Message);
    }

    [Fact]
    public void Targets_ByDefault_AreTheBlocksAndTheMapBeforeTheHeadUnlessItIsNew()
    {
        using (BertModel model = Bert())
        using (LoraAdapter adapter = new(model, new LoraOptions { Rank = 3 }))
        {
            Assert.Equal(2 * 6 + 1, adapter.Targets.Count);
            Assert.Contains("pooler", adapter.Targets);
        }
        using (BertModel model = Bert())
        using (LoraAdapter whole = new(model, new LoraOptions { Rank = 3, Trained = ["*classifier*", "pooler.*"] }))
        {
            Assert.DoesNotContain("pooler", whole.Targets);
            Assert.Contains("pooler.weight", whole.Trained);
        }
        using (var modern = new ModernBertModel(new() { VocabSize = 41, ContextLength = 16, LayerCount = 2, HeadCount = 2, EmbeddingDim = 16, FeedForwardDim = 24, PaddingId = 0 }, ModelHead.TokenClassification))
        using (LoraAdapter before = new(modern, new LoraOptions { Rank = 3 })) Assert.Contains("transform", before.Targets);
        using (BertModel reader = new(s_bert, ModelHead.MaskedLanguageModel))
        {
            reader.SavePretrained(folder["reader"]);
            // What is learned of text is for models without a head, and with another.
            using LoraAdapter domain = new(reader, new LoraOptions { Rank = 3 });
            Assert.Equal(2 * 6, domain.Targets.Count);
            domain.SavePretrained(folder["domain"]);
        }
        using (BertModel model = Bert())
        using (LoraAdapter opened = LoraAdapter.FromPretrained(model, folder["domain"])) Assert.Equal(2 * 6, opened.Targets.Count);
        using var fresh = BertModel.FromPretrained(folder["reader"], ModelHead.SequenceClassification);
        using LoraAdapter beside = new(fresh, new LoraOptions { Rank = 3 });
        Assert.Equal(2 * 6, beside.Targets.Count);
        Assert.Superset(new HashSet<string> { "pooler.weight", "pooler.bias", "classifier.weight" }, beside.Trained.ToHashSet());
    }

    [Theory]
    [InlineData("*.kwery", "fits no linear map")]
    [InlineData("", "Targets")]
    public void Constructor_PatternThatFitsNothing_Throws(string pattern, string expected)
    {
        using BertModel model = Bert();
        var e = Assert.Throws<ArgumentException>(() => new LoraAdapter(model, new LoraOptions { Targets = pattern.Length == 0 ? [] : [pattern] }));
        Assert.Contains(expected, e.Message);
        Assert.All(model.named_parameters(), p => Assert.True(p.parameter.requires_grad));
    }

    private static BertModel Bert()
    {
        using var generator = new Generator(5);
        var model = new BertModel(s_bert, ModelHead.SequenceClassification, generator);
        model.eval();
        return model;
    }

    private static LoraAdapter Adapt(ITransformerModel model, bool stabilized, bool decomposed, string name = "default") =>
        new(model, new LoraOptions { Rank = 3, Alpha = 7, IsRankStabilized = stabilized, IsWeightDecomposed = decomposed }, name, new Generator((ulong)name.Length));

    private static void Randomize(LoraAdapter adapter, bool heads = false)
    {
        using var generator = new Generator(11);
        using IDisposable mode = no_grad();
        foreach (var (_, _, value, _) in adapter.Parameters().Where(p => heads || p.Ours.Contains(".transform."))) value.add_(randn(value.shape, generator: generator) * 0.1);
    }

    private static Tensor Ids()
    {
        using var generator = new Generator(3);
        return randint(1, 41, [3, 7], dtype: ScalarType.Int64, generator: generator);
    }

    private static Tensor Logits(BertModel model)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(model.Forward(new() { Ids = Ids() }).Logits);
    }

    private static double Difference(Tensor one, Tensor other) => (one - other).abs().max().item<float>();

    private static double[,] Matrix(Tensor t)
    {
        float[] values = t.contiguous().data<float>().ToArray();
        double[,] result = new double[t.size(0), t.size(1)];
        for (int i = 0; i < values.Length; i++) result[i / t.size(1), i % t.size(1)] = values[i];
        return result;
    }
}

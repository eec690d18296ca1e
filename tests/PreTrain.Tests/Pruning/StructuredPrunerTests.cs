using System.Text.Json.Nodes;
using PreTrain.Distillation;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.DistilBert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Pruning;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Pruning;

[Collection(nameof(RunsAlone))]
public sealed class StructuredPrunerTests : IDisposable
{
    private readonly TemporaryFolder folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public static TheoryData<string, UnitImportance> Families
    {
        get
        {
            var data = new TheoryData<string, UnitImportance>();
            foreach (string family in new[] { "bert", "gpt2", "llama", "qwen3", "t5", "t5-gated", "t5-encoder" })
            {
                foreach (UnitImportance importance in Enum.GetValues<UnitImportance>()) data.Add(family, importance);
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
    [MemberData(nameof(Families))]
    public void Prune_HeadsAndNeurons_ComputesWhatTheMaskedModelDoes(string family, UnitImportance importance)
    {
        using ITransformerModel model = Create(family), masked = Create(family);
        var options = new StructuredPruningOptions { Importance = importance, HeadSparsity = 0.4, NeuronSparsity = 0.5 };
        ModelInput[] inputs = [Input(model, 1), Input(model, 2)];
        using StructuredPruningResult result = StructuredPruner.Prune(model, options, inputs, input => Loss(model, input));
        foreach (PruningSite site in PruningSite.Of(masked))
        {
            IReadOnlyList<int> kept = (site.IsAttention ? result.Heads : result.Neurons)[site.Output];
            Assert.Equal(site.IsAttention ? site.Units - (int)Math.Round(site.Units * 0.4) : site.Units - (int)Math.Round(site.Units * 0.5, MidpointRounding.AwayFromZero), kept.Count);
            using IDisposable mode = no_grad();
            Tensor weight = ((nn.Module)masked).state_dict()[site.Output + ".weight"];
            foreach (int unit in Enumerable.Range(0, site.Units).Except(kept)) weight.narrow(1, (long)unit * site.OutputWidth, site.OutputWidth).zero_();
        }
        Tensor expected = Logits(masked, inputs[0]), actual = Logits(result.Model, inputs[0]), full = Logits(model, inputs[0]);
        AssertClose(Doubles(expected), Doubles(actual), expected.size(-1), 2e-5, "logits");
        Assert.True((expected - full).abs().max().item<float>() > 1e-3);
        Assert.Equal(((nn.Module)result.Model).parameters().Sum(p => p.numel()), result.ParametersAfter);
        Assert.True(result.ParametersAfter < 0.8 * result.ParametersBefore);

        // It is an ordinary folder.
        result.Model.SavePretrained(folder["model"]);
        using ITransformerModel loaded = AutoModel.FromPretrained(folder["model"]);
        Assert.Equal(Bytes(actual), Bytes(Logits(loaded, inputs[0])));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void NextLogits_PrunedHeads_AreThoseOfTheWholeSequence(string family)
    {
        using ITransformerModel model = Create(family);
        using StructuredPruningResult result = StructuredPruner.Prune(model, new() { HeadSparsity = 0.4, NeuronSparsity = 0.3 });
        var small = (ICausalLanguageModel)result.Model;
        using IDisposable mode = inference_mode();
        Tensor ids = Ids(1, 11, 1), whole = small.Logits(ids)[.., ^1];
        using KeyValueCache cache = small.CreateCache(1, 11);
        small.NextLogits(ids.slice(1, 0, 10, 1), cache);
        AssertClose(Doubles(whole), Doubles(small.NextLogits(ids.slice(1, 10, 11, 1), cache)), whole.size(-1), 1e-5, "logits");
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("gpt2")]
    public void ToConfigJson_FewerHeads_SaysHowWideTheyAre(string family)
    {
        using ITransformerModel model = Create(family);
        using StructuredPruningResult heads = StructuredPruner.Prune(model, new() { HeadSparsity = 0.4 }), neurons = StructuredPruner.Prune(model, new() { NeuronSparsity = 0.4 });
        Assert.Equal(6, heads.Model.ToConfigJson()["head_dim"]!.GetValue<int>());
        Assert.False(model.ToConfigJson().ContainsKey("head_dim"));
        Assert.False(neurons.Model.ToConfigJson().ContainsKey("head_dim"));
    }

    [Fact]
    public void Prune_Layers_IsTheModelWithoutThem()
    {
        using ITransformerModel gpt = Create("gpt2", layers: 4), masked = Create("gpt2", layers: 4);
        using (no_grad())
        {
            // The layers 0 and 2 give nothing.
            foreach (GptModel model in new[] { (GptModel)gpt, (GptModel)masked })
            {
                foreach (GptBlock block in new[] { model.blocks[0], model.blocks[2] })
                {
                    foreach (Projection map in new[] { block.attention_output, block.feed_forward_output })
                    {
                        map.weight.mul_(1e-3);
                        map.bias!.zero_();
                    }
                    if (model == masked) block.attention_output.weight.zero_();
                    if (model == masked) block.feed_forward_output.weight.zero_();
                }
            }
        }
        foreach (UnitImportance importance in Enum.GetValues<UnitImportance>())
        {
            using StructuredPruningResult result = StructuredPruner.Prune(gpt, new() { Importance = importance, RemovedLayers = 2 }, [Input(gpt, 1)], input => Loss(gpt, input));
            Assert.Equal([1, 3], result.Layers["blocks."]);
            AssertClose(Doubles(Logits(masked, Input(gpt, 1))), Doubles(Logits(result.Model, Input(gpt, 1))), 41, 2e-5, "logits");
        }
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    [InlineData("t5")]
    public void Prune_LastLayerThatChangesNothing_GoesByItsActivations(string family)
    {
        using ITransformerModel model = Create(family, layers: 4);
        using var generator = new Generator(7);
        using (no_grad())
        {
            foreach (var (name, parameter) in ((nn.Module)model).named_parameters())
            {
                if (name.Contains("blocks.3.", StringComparison.Ordinal) && (name.Contains("output.", StringComparison.Ordinal) || name.Contains("down.", StringComparison.Ordinal))) parameter.zero_();
                // The norm behind the last layer is not the layer's.
                if (name is "final_norm.weight" or "encoder_norm.weight" or "decoder_norm.weight") parameter.normal_(0, 1, generator);
            }
        }
        using StructuredPruningResult result = StructuredPruner.Prune(model, new() { Importance = UnitImportance.Activation, RemovedLayers = 1, RemovedDecoderLayers = family == "t5" ? 1 : 0 }, [Input(model, 1)]);
        Assert.All(result.Layers.Values, kept => Assert.Equal([0, 1, 2], kept));
        AssertClose(Doubles(Logits(model, Input(model, 2))), Doubles(Logits(result.Model, Input(model, 2))), 41, 2e-5, "logits");
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("t5")]
    public void Prune_Layers_IsTheStudentWithTheSameLayers(string family)
    {
        using ITransformerModel model = Create(family, layers: 4);
        bool isPair = family == "t5";
        using StructuredPruningResult result = StructuredPruner.Prune(model, new() { RemovedLayers = 1, RemovedDecoderLayers = isPair ? 2 : 0, NeuronSparsity = 0 });
        IReadOnlyList<int>[] kept = [.. result.Layers.Values];
        Assert.Equal(isPair ? [3, 2] : new[] { 3 }, kept.Select(k => k.Count));
        StudentInitializer.Save(model, folder["student"], LayerSelection.Of([.. kept[0]]), isPair ? LayerSelection.Of([.. kept[1]]) : null);
        using ITransformerModel student = AutoModel.FromPretrained(folder["student"]);
        Assert.Equal(Bytes(Logits(student, Input(model, 1))), Bytes(Logits(result.Model, Input(model, 1))));
    }

    [Fact]
    public void Of_Taylor_IsTheSlopeOfTheLossAlongAGate()
    {
        using ITransformerModel model = Create("bert");
        ModelInput[] inputs = [Input(model, 1), Input(model, 2), Input(model, 3)];
        UnitScores scores = UnitScores.Of(model, PruningSite.Of(model), LayerNames.Of(model), UnitImportance.Taylor, inputs, input => Loss(model, input), CancellationToken.None);
        using IDisposable mode = no_grad();
        ((nn.Module)model).eval();
        foreach (PruningSite site in PruningSite.Of(model))
        {
            foreach (int unit in new[] { 0, site.Units / 2, site.Units - 1 })
            {
                Tensor columns = ((nn.Module)model).state_dict()[site.Output + ".weight"].narrow(1, (long)unit * site.OutputWidth, site.OutputWidth), was = columns.clone();
                double expected = inputs.Sum(input => Math.Abs(At(input, 1.02) - At(input, 0.98)) / 0.04);
                Assert.Equal(expected, scores.Units[site.Output][unit], 2e-4 + 0.02 * expected);
                columns.copy_(was);

                double At(ModelInput input, double gate)
                {
                    columns.copy_(was * gate);
                    return Loss(model, input).item<float>();
                }
            }
        }
        Assert.All(((nn.Module)model).parameters(), p => Assert.Null(p.grad));
    }

    [Fact]
    public void Of_Magnitude_IsTheLengthOfAllWeightsOfTheUnit()
    {
        using var model = (GptModel)Create("gpt2");
        UnitScores scores = UnitScores.Of(model, PruningSite.Of(model), LayerNames.Of(model), UnitImportance.Magnitude, null, null, CancellationToken.None);
        double[] qkv = Doubles(model.blocks[1].qkv.weight), output = Doubles(model.blocks[1].attention_output.weight), input = Doubles(model.blocks[1].feed_forward_input.weight), last = Doubles(model.blocks[1].feed_forward_output.weight);
        for (int head = 0; head < 5; head++)
        {
            double squares = 0;
            for (int i = head * 6; i < head * 6 + 6; i++)
            {
                for (int c = 0; c < 30; c++)
                {
                    squares += output[c * 30 + i] * output[c * 30 + i];
                    for (int part = 0; part < 3; part++) squares += qkv[(part * 30 + i) * 30 + c] * qkv[(part * 30 + i) * 30 + c];
                }
            }
            Assert.Equal(Math.Sqrt(squares), scores.Units["blocks.1.attention_output"][head], 1e-9);
        }
        for (int neuron = 0; neuron < 44; neuron += 7)
        {
            double squares = Enumerable.Range(0, 30).Sum(c => input[neuron * 30 + c] * input[neuron * 30 + c] + last[c * 44 + neuron] * last[c * 44 + neuron]);
            Assert.Equal(Math.Sqrt(squares), scores.Units["blocks.1.feed_forward_output"][neuron], 1e-9);
        }
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("llama")]
    public void Prune_Activation_TakesWhatIsSilent(string family)
    {
        using ITransformerModel model = Create(family);
        Dictionary<string, Tensor> values = ((nn.Module)model).state_dict();
        foreach (PruningSite site in PruningSite.Of(model))
        {
            // Values, or the inputs of neurons, are zero for one unit in the middle.
            using IDisposable mode = no_grad();
            UnitInput input = site.Inputs[^1];
            values[input.Name + ".weight"].narrow(0, input.Width, input.Width).zero_();
            if (values.TryGetValue(input.Name + ".bias", out Tensor? bias)) bias.narrow(0, input.Width, input.Width).zero_();
        }
        using StructuredPruningResult result = StructuredPruner.Prune(model, new() { Importance = UnitImportance.Activation, HeadSparsity = 0.2, NeuronSparsity = 0.05 }, [Input(model, 1)]);
        Assert.All(result.Heads.Values.Concat(result.Neurons.Values), kept => Assert.DoesNotContain(1, kept));
    }

    [Fact]
    public void Run_PrunedModel_IsTrainedAndResumed()
    {
        using var model = Tiny.Model(Tiny.Even);
        foreach (string output in new[] { "a", "b" })
        {
            using StructuredPruningResult result = StructuredPruner.Prune(model, new() { HeadSparsity = 0.5, NeuronSparsity = 0.5 });
            var dies = new Tiny.AfterStep((_, step) => { if (output == "b" && step.Step == 8) throw new TimeoutException("killed"); });
            if (output == "b") Assert.Throws<TimeoutException>(() => Tiny.Train((GptModel)result.Model, new RowsObjective(), Tiny.Options(folder[output]) with { Callbacks = [dies] }));
            using StructuredPruningResult again = StructuredPruner.Prune(model, new() { HeadSparsity = 0.5, NeuronSparsity = 0.5 });
            Tiny.Train((GptModel)again.Model, new RowsObjective(), Tiny.Options(folder[output]) with { Resume = output == "b" });
            using GptModel saved = GptModel.FromPretrained(Path.Combine(folder[output], "model"));
            Assert.Equal((1, 16, 24), (saved.Config.HeadCount, saved.Config.HeadDim, saved.Config.InnerDim));
        }
        Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", "model.safetensors")), File.ReadAllBytes(Path.Combine(folder["b"], "model", "model.safetensors")));
    }

    [Fact]
    public void Prune_Impossible_IsRefused()
    {
        using ITransformerModel bert = Create("bert"), t5 = Create("t5"), llama = Create("llama");
        using var other = new DistilBertModel(new DistilBertConfig { VocabSize = 41, LayerCount = 1, HeadCount = 2, EmbeddingDim = 8, FeedForwardDim = 8 });
        Refused("must not be 0", bert, new());
        Refused("HeadSparsity (1) must be at least 0 and below 1", bert, new() { HeadSparsity = 1 });
        Refused("NeuronSparsity (-0.5) must be at least 0 and below 1", bert, new() { NeuronSparsity = -0.5 });
        Refused("HeadSparsity (0.05) would take out none of 5 heads", bert, new() { HeadSparsity = 0.05 });
        Refused("HeadSparsity (0.95) would take out all of 5 heads; take a lower one", bert, new() { HeadSparsity = 0.95 });
        Refused("NeuronSparsity (0.01) would take out none of 44 neurons", t5, new() { NeuronSparsity = 0.01 });
        Refused("would take out none of 3 heads with keys and values of their own", llama, new() { HeadSparsity = 0.1 });
        Refused("RemovedLayers (2) must be below the number of layers (2)", bert, new() { RemovedLayers = 2 });
        Refused("RemovedDecoderLayers (2) must be below the number of layers (2)", t5, new() { RemovedDecoderLayers = 2 });
        Refused("RemovedDecoderLayers (1) must be 0", bert, new() { RemovedDecoderLayers = 1 });
        Refused("Taylor needs data", bert, new() { Importance = UnitImportance.Taylor, RemovedLayers = 1 });
        Refused("not out of a distilbert model", other, new() { RemovedLayers = 1 });
        Assert.Contains("Taylor needs a loss", Assert.Throws<ArgumentException>(() => StructuredPruner.Prune(bert, new() { Importance = UnitImportance.Taylor, RemovedLayers = 1 }, [Input(bert, 1)])).Message, StringComparison.Ordinal);

        using (var prefix = new PrefixTuning(bert, new() { Length = 3 })) Refused("has virtual tokens, which a smaller model does not hold; take the adapter away (Dispose) first", bert, new() { RemovedLayers = 1 });
        using (var prompt = new PromptTuning(llama, new() { Length = 3 })) Refused("has virtual tokens", llama, new() { RemovedLayers = 1 });
        using (var beside = new LoraAdapter(bert, new() { Targets = ["prediction.*"] })) Refused("is computed by a LowRankTransform, and a smaller model takes whole weights; merge the adapter or take it away (Dispose) first", bert, new() { RemovedLayers = 1 });
        StructuredPruner.Prune(bert, new() { RemovedLayers = 1 }).Dispose();

        static void Refused(string message, ITransformerModel model, StructuredPruningOptions options) =>
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => StructuredPruner.Prune(model, options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ToJson_Result_SaysWhatIsLeft()
    {
        using ITransformerModel model = Create("gpt2");
        using StructuredPruningResult result = StructuredPruner.Prune(model, new() { HeadSparsity = 0.6 });
        JsonObject json = result.ToJson();
        Assert.Equal(["parametersBefore", "parametersAfter", "layers", "heads", "neurons"], json.Select(p => p.Key));
        Assert.Equal(2, json["heads"]!["blocks.0.attention_output"]!.AsArray().Count);
        Assert.Equal("[0,1]", json["layers"]!["blocks."]!.ToJsonString());
    }

    [Fact]
    public void SensitivityScan_Run_PrunesEachPartAloneAndRestoresIt()
    {
        using ITransformerModel model = Create("bert"), before = Create("bert");
        Func<double> evaluate = () => SparsityReport.Of(model).Zeros;
        foreach (bool byLayer in new[] { false, true })
        {
            IReadOnlyList<Sensitivity> scores = SensitivityScan.Run(model, [0.25, 0.5], evaluate, byLayer: byLayer);
            Assert.Equal(2 * (byLayer ? 2 : 12), scores.Count);
            foreach (Sensitivity score in scores)
            {
                double weights = SparsityReport.Of(model).Maps.Where(m => byLayer ? m.Name.StartsWith(score.Part + ".", StringComparison.Ordinal) : m.Name == score.Part).Sum(m => m.Weights);
                Assert.Equal(score.Sparsity * weights, score.Score, 2.0);
            }
        }
        Dictionary<string, Tensor> values = ((nn.Module)model).state_dict();
        Assert.All(((nn.Module)before).state_dict(), pair => Assert.Equal(Bytes(pair.Value), Bytes(values[pair.Key])));
        Assert.Contains("Sparsity (1)", Assert.Throws<ArgumentException>(() => SensitivityScan.Run(model, [1], evaluate)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(UnitImportance.Magnitude)]
    [InlineData(UnitImportance.Activation)]
    [InlineData(UnitImportance.Taylor)]
    public void Prune_ManyTimes_LeavesNoTensor(UnitImportance importance)
    {
        Prune();
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++) Prune();
        Assert.Equal(before, LiveTensors.Count());

        void Prune()
        {
            using DisposeScope scope = NewDisposeScope();
            using ITransformerModel model = Create("t5");
            StructuredPruner.Prune(model, new() { Importance = importance, HeadSparsity = 0.4, RemovedLayers = 1 }, [Input(model, 1)], input => Loss(model, input)).Dispose();
        }
    }

    private static ITransformerModel Create(string family, int layers = 2)
    {
        using var generator = new Generator(5);
        var llama = new LlamaConfig { VocabSize = 41, ContextLength = 17, LayerCount = layers, HeadCount = 6, KeyValueHeadCount = 3, EmbeddingDim = 20, HeadWidth = 8, FeedForwardDim = 44, InitializerRange = 0.2, HasAttentionBias = true };
        var t5 = new T5Config { VocabSize = 41, LayerCount = layers, HeadCount = 5, HeadDim = 6, EmbeddingDim = 20, FeedForwardDim = 44, Dropout = 0 };
        ITransformerModel model = family switch
        {
            "bert" => new BertModel(new BertConfig { VocabSize = 41, ContextLength = 17, LayerCount = layers, HeadCount = 5, EmbeddingDim = 30, FeedForwardDim = 44, Dropout = 0, AttentionDropout = 0, InitializerRange = 0.2 }, generator: generator),
            "gpt2" => new GptModel(new GptConfig { VocabSize = 41, ContextLength = 17, LayerCount = layers, HeadCount = 5, EmbeddingDim = 30, FeedForwardDim = 44, InitializerRange = 0.2 }, generator: generator),
            "llama" => new LlamaModel(llama, generator: generator),
            "qwen3" => new LlamaModel(llama with { Variant = LlamaVariant.Qwen3 }, generator: generator),
            "t5" => new T5Model(t5, generator: generator),
            "t5-gated" => new T5Model(t5 with { IsGated = true, Activation = Activation.GeluTanh, IsHeadTied = false, IsHeadScaled = false }, generator: generator),
            _ => new T5Model(t5, ModelHead.None, generator),
        };
        using IDisposable mode = no_grad();
        foreach (var (name, parameter) in ((nn.Module)model).named_parameters())
        {
            if (name.EndsWith(".bias", StringComparison.Ordinal)) parameter.normal_(0, 0.2, generator);
        }
        return model;
    }

    private static Tensor Ids(int rows, int length, ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(2, 41, [rows, length], dtype: ScalarType.Int64, generator: generator);
    }

    private static ModelInput Input(ITransformerModel model, ulong seed)
    {
        Tensor mask = ones([3, 11], dtype: ScalarType.Int64);
        mask[1, TensorIndex.Slice(7)] = 0;
        return new() { Ids = Ids(3, 11, seed), AttentionMask = mask, DecoderIds = model is T5Model { Head: not ModelHead.None } ? Ids(3, 7, seed + 100) : null };
    }

    /// <summary>The logits where there are tokens; elsewhere nothing is computed.</summary>
    private static Tensor Logits(ITransformerModel model, ModelInput input)
    {
        using IDisposable mode = no_grad();
        ((nn.Module)model).eval();
        Tensor logits = model.Forward(input).Logits;
        return logits.view(-1, logits.size(-1));
    }

    private static Tensor Loss(ITransformerModel model, ModelInput input)
    {
        Tensor logits = model.Forward(input).Logits;
        return (logits * arange(logits.size(-1), dtype: ScalarType.Float32).sin()).tanh().mean() * 10;
    }
}

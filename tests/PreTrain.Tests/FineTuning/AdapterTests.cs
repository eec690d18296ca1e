using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Llama;
using PreTrain.Modules;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Quantization;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.FineTuning;

/// <summary>What holds of every kind of adapter, and the formulas of those that are in linear maps.</summary>
[Collection(nameof(RunsAlone))]
public sealed class AdapterTests : IDisposable
{
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split(' ').Distinct()];
    private readonly TemporaryFolder folder = new();

    public static TheoryData<AdapterKind> Kinds => [.. Enum.GetValues<AdapterKind>()];

    public void Dispose() => folder.Dispose();

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Run_CrashedThenResumed_SavesTheAdapterOfTheUninterrupted(AdapterKind kind)
    {
        var objective = new SequenceClassification(Texts(), MaskingFixture.WordPiece);
        Train("a", 3);
        Assert.Throws<TimeoutException>(() => Train("b", 3, new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); })));
        Train("b", 5);
        foreach (string file in new[] { "adapter_config.json", "adapter_model.safetensors" })
            Assert.Equal(File.ReadAllBytes(Path.Combine(folder["a"], "model", file)), File.ReadAllBytes(Path.Combine(folder["b"], "model", file)));
        Assert.False(File.Exists(Path.Combine(folder["a"], "model", "model.safetensors")));
        Assert.Equal(Tiny.Metrics(folder["a"]), Tiny.Metrics(folder["b"]));
        Assert.Equal(kind, AdapterFolder.KindOf(Path.Combine(folder["a"], "model")));

        void Train(string output, ulong seed, params ITrainingCallback[] callbacks)
        {
            using BertModel model = Bert(dropout: 0.2);
            Dictionary<string, byte[]> plain = model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter));
            using IAdapter adapter = Adapt(kind, model, seed);
            new Trainer(Tiny.Options(folder[output]) with { Weights = adapter, Resume = Directory.Exists(folder[output]), Callbacks = callbacks }).Run(model, objective, TestContext.Current.CancellationToken);
            string[] changed = [.. model.named_parameters().Where(p => plain.TryGetValue(p.name, out byte[]? former) && !former.SequenceEqual(Bytes(p.parameter))).Select(p => p.name)];
            Assert.Contains("classifier.weight", changed);
            Assert.All(changed, name => Assert.True(name.StartsWith("classifier.", StringComparison.Ordinal) || (kind == AdapterKind.Bias && name.EndsWith("bias", StringComparison.Ordinal))
                || (kind == AdapterKind.Bottleneck && name.Contains("norm", StringComparison.Ordinal)), name));
            if (kind == AdapterKind.Bias) Assert.Contains("encoder.blocks.1.query.bias", changed);

            // A model that was not trained computes the same with the saved adapter, to the last bit.
            using BertModel fresh = Bert();
            Batch batch = objective.Evaluation(model, 5).First();
            float before = Loss(fresh, batch), trained = Loss(model, batch);
            using (IAdapter loaded = AdapterFolder.Open(fresh, Path.Combine(folder[output], "model")))
            {
                Assert.Equal(adapter.ParameterCount, loaded.ParameterCount);
                Assert.Equal(trained, Loss(fresh, batch));
                Assert.NotEqual(before, trained);
            }
            Assert.All(fresh.parameters(), p => Assert.True(p.requires_grad));
        }

        float Loss(BertModel model, Batch batch)
        {
            using IDisposable mode = no_grad();
            using Tensor loss = objective.Loss(model, batch, 5);
            return loss.item<float>();
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Run_BFloat16_TrainsAndSavesTheMasters(AdapterKind kind)
    {
        var objective = new SequenceClassification(Texts(), MaskingFixture.WordPiece);
        using BertModel model = Bert();
        using IAdapter adapter = Adapt(kind, model, 3);
        TrainingResult result = new Trainer(Tiny.Options(folder["run"], steps: 6) with { Weights = adapter, Precision = Precision.BFloat16, LearningRate = 1e-3 }).Run(model, objective, TestContext.Current.CancellationToken);
        Assert.True(double.IsFinite(result.TrainLoss));
        using BertModel fresh = Bert();
        using IAdapter loaded = AdapterFolder.Open(fresh, Path.Combine(folder["run"], "model"));
        var expected = model.named_parameters().Where(p => p.parameter.requires_grad).ToDictionary(p => p.name, p => Bytes(p.parameter));
        Assert.Equal(expected, fresh.named_parameters().Where(p => p.parameter.requires_grad).ToDictionary(p => p.name, p => Bytes(p.parameter)));
    }

    [Theory]
    [InlineData(AdapterKind.Lora)]
    [InlineData(AdapterKind.Ia3)]
    [InlineData(AdapterKind.Bias)]
    public void Merge_AndDispose_LeavesAnOrdinaryModel(AdapterKind kind)
    {
        using BertModel model = Bert(), loaded = Bert();
        double[] merged, adapted;
        using (IAdapter adapter = Adapt(kind, model, 3))
        {
            Randomize(model);
            adapted = Logits(model);
            Dictionary<string, byte[]> before = model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter));
            Assert.True(adapter.CanMerge);
            adapter.Merge();
            Assert.True(adapter.IsMerged);
            Assert.Throws<InvalidOperationException>(adapter.Merge);
            adapter.Unmerge();
            Assert.Throws<InvalidOperationException>(adapter.Unmerge);
            Assert.Equal(before, model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter)));
            Assert.Equal(adapted, Logits(model));
            adapter.Merge();
            merged = Logits(model);
        }
        AssertClose(adapted, merged, 3, 2e-5, "logits", 1);
        Assert.Equal(merged, Logits(model));
        model.SavePretrained(folder["model"]);
        loaded.LoadPretrained(folder["model"]);
        Assert.Equal(merged, Logits(loaded));
        Assert.NotEqual(merged, Logits(Bert()));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Dispose_Unmerged_GivesTheModelBackAndLeavesNoTensor(AdapterKind kind)
    {
        using BertModel model = Bert();
        double[] plain = Logits(model);
        long before = LiveTensors.Count();
        for (int i = 0; i < 3; i++)
        {
            using IAdapter adapter = Adapt(kind, model, 3);
            if (kind is not (AdapterKind.Prefix or AdapterKind.Prompt)) Assert.Equal(plain, Logits(model));
            Randomize(model, name => !name.StartsWith("classifier.", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal));
            Assert.NotEqual(plain, Logits(model));
        }
        Assert.Equal(before, LiveTensors.Count());
        if (kind != AdapterKind.Bias) Assert.Equal(plain, Logits(model));
        else AssertClose(plain, Logits(model), 3, 0, "logits");
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Trained_ByDefault_IsTheClassifierOfALlamaAndNotItsHeadOfTokens(AdapterKind kind)
    {
        var config = new LlamaConfig { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 2, EmbeddingDim = 12, FeedForwardDim = 19, HasAttentionBias = true, LabelCount = 3 };
        using var classifier = new LlamaModel(config, ModelHead.SequenceClassification);
        using (IAdapter adapter = Adapt(kind, classifier, 3))
        {
            Assert.True(classifier.get_parameter("classifier.weight")!.requires_grad);
            Assert.False(classifier.get_parameter("token_embedding")!.requires_grad);
            adapter.SavePretrained(folder[$"{kind}"]);
            using CheckpointTensors saved = CheckpointTensors.Open(Path.Combine(folder[$"{kind}"], "adapter_model.safetensors"));
            Assert.Contains(saved.Names, name => name.EndsWith("score.weight", StringComparison.Ordinal));
        }
        Assert.Equal(["classifier.weight"], classifier.named_parameters().Select(p => p.name).Where(name => !Freezing.AllButHead.First(rule => rule.Fits(name)).Frozen));
        using var writer = new LlamaModel(config);
        using (Adapt(kind, writer, 3)) Assert.False(writer.get_parameter("head.weight")!.requires_grad);
    }

    [Fact]
    public void Product_OfIa3_IsTheFormulas()
    {
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = Bert();
        using var adapter = new Ia3Adapter(model);
        Randomize(model);
        PostNormBlock block = model.encoder.blocks[1];
        Tensor x = Normal([5, 32], 7), inner = Normal([5, 48], 8);
        double[] Plain(Projection map, Tensor input) => Doubles(matmul(input.to(ScalarType.Float64), map.weight.to(ScalarType.Float64).t()) + map.bias!.to(ScalarType.Float64));
        double[] factors = Doubles(((Ia3Transform)block.key.Transform!).factors), expected = Plain(block.key, x);
        for (int i = 0; i < expected.Length; i++) expected[i] *= factors[i % 32];
        AssertClose(expected, Doubles(block.key.forward(x)), 32, 1e-6, "key");
        AssertClose(expected, Doubles(block.key.Product(x) + block.key.bias!), 32, 1e-6, "key, the bias added afterwards");
        var inside = (Ia3Transform)block.feed_forward_output.Transform!;
        Assert.True(inside.OfInputs);
        double[] outputs = Plain(block.feed_forward_output, inner.to(ScalarType.Float64) * inside.factors);
        AssertClose(outputs, Doubles(block.feed_forward_output.forward(inner)), 32, 1e-6, "feed forward");
        AssertClose(outputs, Doubles(block.feed_forward_output.Product(inner) + block.feed_forward_output.bias!), 32, 1e-6, "feed forward, the bias added afterwards");
        Assert.Null(block.query.Transform);
    }

    [Theory]
    [InlineData(AdapterPlacement.Houlsby)]
    [InlineData(AdapterPlacement.Pfeiffer)]
    public void Product_OfABottleneck_IsTheFormulas(AdapterPlacement placement)
    {
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = Bert();
        using var adapter = new BottleneckAdapter(model, new() { Width = 5, Placement = placement, Activation = Activation.Relu });
        Assert.Equal(placement == AdapterPlacement.Houlsby ? 4 : 2, adapter.Targets.Count);
        Randomize(model);
        Projection map = model.encoder.blocks[1].feed_forward_output;
        var layer = (BottleneckTransform)map.Transform!;
        Tensor x = Normal([7, 48], 7);
        double[] y = Doubles(matmul(x.to(ScalarType.Float64), map.weight.to(ScalarType.Float64).t()) + map.bias!.to(ScalarType.Float64));
        double[] down = Doubles(layer.down), downBias = Doubles(layer.down_bias), up = Doubles(layer.up), upBias = Doubles(layer.up_bias), expected = [.. y];
        for (int row = 0; row < 7; row++)
        {
            double[] inside = [.. Enumerable.Range(0, 5).Select(m => Math.Max(0, downBias[m] + Enumerable.Range(0, 32).Sum(o => down[m * 32 + o] * y[row * 32 + o])))];
            for (int o = 0; o < 32; o++) expected[row * 32 + o] += upBias[o] + Enumerable.Range(0, 5).Sum(m => up[o * 5 + m] * inside[m]);
        }
        AssertClose(expected, Doubles(map.forward(x)), 32, 2e-6, "forward");
        AssertClose(expected, Doubles(map.Product(x) + map.bias!), 32, 2e-6, "the bias added afterwards");
        Assert.Throws<InvalidOperationException>(adapter.Merge);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void ToConfigJson_OtherBaseOfTheSameShape_IsAnother(AdapterKind kind)
    {
        using BertModel model = Bert(), same = Bert(), other = Bert();
        using (no_grad())
        {
            same.classifier!.bias!.add_(1);   // trained as a whole
            other.encoder.blocks[0].query.weight[0, 0] += 1e-3f;
        }
        string Json(BertModel on)
        {
            using IAdapter adapter = Adapt(kind, on, 5);
            return adapter.ToConfigJson().ToJsonString();
        }
        Assert.Equal(Json(model), Json(same));
        Assert.NotEqual(Json(model), Json(other));
    }

    [Fact]
    public void Constructor_HeadThatPredictsTokens_FreezesAllOfIt()
    {
        using var generator = new Generator(3);
        using var model = new BertModel(Config(0), ModelHead.MaskedLanguageModel, generator);
        foreach (AdapterKind kind in Enum.GetValues<AdapterKind>().Where(k => k is not (AdapterKind.Bias or AdapterKind.Bottleneck)))
        {
            using IAdapter adapter = Adapt(kind, model, 3);
            Assert.Equal(adapter.ParameterCount, model.parameters().Where(p => p.requires_grad).Sum(p => p.numel()));
            Assert.False(model.prediction!.transform.weight.requires_grad);
        }
    }

    [Fact]
    public void Constructor_QuantizedModel_IsRefused()
    {
        using BertModel model = Bert();
        Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int8Weights });
        foreach (AdapterKind kind in new[] { AdapterKind.Ia3, AdapterKind.Bottleneck })
        {
            var e = Assert.Throws<ArgumentException>(() => Adapt(kind, model, 3));
            Assert.Contains("is quantized, and nothing can be trained beside it or merged into it. Use the model that it was quantized from, and quantize the merged one.", e.Message);
        }
    }

    [Fact]
    public void Constructor_SecondKindOrPatternThatFitsNothing_IsRefused()
    {
        using BertModel model = Bert();
        string Fault(Func<IAdapter> create) => Assert.Throws<ArgumentException>(create).Message;
        using (Adapt(AdapterKind.Lora, model, 3)) Assert.Contains("computes with a LowRankTransform, beside which there can be no adapter", Fault(() => new Ia3Adapter(model)));
        Assert.Contains("Outputs: the pattern '*kee' fits no linear map", Fault(() => new Ia3Adapter(model, new() { Outputs = ["*kee"] })));
        Assert.Contains("is named by Outputs and by Inputs", Fault(() => new Ia3Adapter(model, new() { Outputs = ["*.key"], Inputs = ["*.key"] })));
        Assert.Contains("there is nothing to train", Fault(() => new Ia3Adapter(model, new() { Outputs = [], Inputs = [] })));
        Assert.Equal("Width (0) must be at least 1. InitialDeviation (0) must be positive.", Fault(() => new BottleneckAdapter(model, new() { Width = 0, InitialDeviation = 0 })));
        Assert.Contains("Parameters: the pattern '*biass' fits no parameter", Fault(() => new BitFit(model, new() { Parameters = ["*biass"] })));
        Assert.All(model.parameters(), p => Assert.True(p.requires_grad));
        using var llama = new LlamaModel(new() { VocabSize = 31, EmbeddingDim = 12, LayerCount = 1, HeadCount = 2, KeyValueHeadCount = 1, FeedForwardDim = 17, ContextLength = 13 });
        Assert.Contains("fits no parameter", Fault(() => new BitFit(llama)));   // it has no biases
        using var factors = new Ia3Adapter(llama);
        Assert.Equal(6 + 6 + 17, factors.ParameterCount);
    }

    [Theory]
    [InlineData(AdapterKind.Ia3)]
    [InlineData(AdapterKind.Bottleneck)]
    [InlineData(AdapterKind.Bias)]
    public void Open_AdapterOfAnotherModel_NamesEveryMisfit(AdapterKind kind)
    {
        using var wider = new BertModel(Config(0) with { EmbeddingDim = 34 }, ModelHead.SequenceClassification);
        using (IAdapter adapter = Adapt(kind, wider, 3)) adapter.SavePretrained(folder["adapter"]);
        using BertModel model = Bert();
        var e = Assert.Throws<CheckpointException>(() => AdapterFolder.Open(model, folder["adapter"]));
        string name = kind switch { AdapterKind.Ia3 => "key.ia3_l has shape (34, 1), and the model's is (32, 1)", AdapterKind.Bottleneck => "adapter_up.bias has shape (34), and the model's is (32)", _ => "key.bias has shape (34), and the model's is (32)" };
        Assert.Equal(2, System.Text.RegularExpressions.Regex.Count(e.Message, System.Text.RegularExpressions.Regex.Escape(name)) / (kind == AdapterKind.Bottleneck ? 2 : 1));
        using var llama = new LlamaModel(new() { VocabSize = 31, EmbeddingDim = 12, LayerCount = 1, HeadCount = 2, KeyValueHeadCount = 1, FeedForwardDim = 17, ContextLength = 13 });
        Assert.Contains("the adapter is for another one", Assert.Throws<CheckpointException>(() => AdapterFolder.Open(llama, folder["adapter"])).Message);
        Assert.All(model.parameters().Concat(llama.parameters()), p => Assert.True(p.requires_grad));
    }

    [Fact]
    public void KindOf_UnknownOrMissing_SaysWhatIsKnown()
    {
        Directory.CreateDirectory(folder["adapter"]);
        Assert.Contains("missing; the folder of an adapter holds adapter_config.json and adapter_model.safetensors.", Assert.Throws<CheckpointException>(() => AdapterFolder.KindOf(folder["adapter"])).Message);
        File.WriteAllText(Path.Combine(folder["adapter"], "adapter_config.json"), """{"peft_type": "ADALORA"}""");
        Assert.Contains("peft_type is 'ADALORA', which is not known; it must be one of LORA, HIRA, IA3, BOTTLENECK, PREFIX_TUNING, PROMPT_TUNING, BITFIT.", Assert.Throws<CheckpointException>(() => AdapterFolder.KindOf(folder["adapter"])).Message);
    }

    [Fact]
    public void SavePretrained_Ia3_HasPeftsNames()
    {
        using BertModel model = Bert();
        using (var adapter = new Ia3Adapter(model)) adapter.SavePretrained(folder["adapter"]);
        using CheckpointTensors file = CheckpointTensors.Open(Path.Combine(folder["adapter"], "adapter_model.safetensors"));
        const string layer = "base_model.model.bert.encoder.layer.0.";
        Assert.Equal([$"{layer}attention.self.key.ia3_l (32, 1)", $"{layer}attention.self.value.ia3_l (32, 1)", $"{layer}output.dense.ia3_l (1, 48)"],
            file.Names.Where(n => n.StartsWith(layer, StringComparison.Ordinal)).Order(StringComparer.Ordinal).Select(n => $"{n} ({string.Join(", ", file.Info(n).Shape.ToArray())})"));
        string config = File.ReadAllText(Path.Combine(folder["adapter"], "adapter_config.json"));
        Assert.Contains("\"feedforward_modules\": [\n    \"bert.encoder.layer.0.output.dense\"", config.ReplaceLineEndings("\n"));

        // Ends of names, as PEFT's own defaults for BERT are, mean the second map of attention too.
        File.WriteAllText(Path.Combine(folder["adapter"], "adapter_config.json"), """{"peft_type": "IA3", "target_modules": ["key", "value", "output.dense"], "feedforward_modules": ["output.dense"], "modules_to_save": ["classifier"]}""");
        Assert.Contains("attention.output.dense.ia3_l is missing", Assert.Throws<CheckpointException>(() => AdapterFolder.Open(model, folder["adapter"])).Message);
    }

    [Fact]
    public void Run_SecondAdapter_TrainsItAloneAndTheFirstIsNotTaken()
    {
        using BertModel model = Bert();
        using LoraAdapter first = new(model, new LoraOptions { Rank = 3 }, "first");
        Randomize(model);
        Dictionary<string, byte[]> former = model.named_parameters().ToDictionary(p => p.name, p => Bytes(p.parameter));
        var objective = new SequenceClassification(Texts(), MaskingFixture.WordPiece);
        using (LoraAdapter second = new(model, new LoraOptions { Rank = 3 }, "second"))
        {
            var e = Assert.Throws<ArgumentException>(() => new Trainer(Tiny.Options(folder["lost"]) with { Weights = first }).Run(model, objective, TestContext.Current.CancellationToken));
            Assert.Matches(@"^'encoder\.blocks\.0\.\S+\.second\.a' would be trained, and Weights does not save it", e.Message);
            Assert.False(Directory.Exists(folder["lost"]));
            new Trainer(Tiny.Options(folder["second"]) with { Weights = second }).Run(model, objective, TestContext.Current.CancellationToken);
            string[] changed = [.. model.named_parameters().Where(p => former.TryGetValue(p.name, out byte[]? bytes) && !bytes.SequenceEqual(Bytes(p.parameter))).Select(p => p.name)];
            Assert.Equal(["classifier.weight", "classifier.bias"], changed);   // the head is one for both
        }
        new Trainer(Tiny.Options(folder["first"]) with { Weights = first }).Run(model, objective, TestContext.Current.CancellationToken);
        Assert.NotEqual(former["encoder.blocks.1.query.transform.first.b"], Bytes(model.named_parameters().Single(p => p.name == "encoder.blocks.1.query.transform.first.b").parameter));
    }

    [Fact]
    public void Merge_OnlyOneOfTwoHoldsTheHead_KeepsThatHead()
    {
        // A model whose folder has no head, an adapter that was trained with one, and one that was trained on another task.
        using (BertModel saved = new(Config(0), ModelHead.MaskedLanguageModel)) saved.SavePretrained(folder["base"]);
        BertModel Loaded() => BertModel.FromPretrained(folder["base"], ModelHead.SequenceClassification, options: new() { Labels = Texts().Labels, Task = ClassificationTask.SingleLabel });
        using BertModel a = Loaded(), b = Loaded(), merged = Loaded();
        using (LoraAdapter adapter = new(a, new LoraOptions { Rank = 3 }))
        {
            Randomize(a);
            adapter.SavePretrained(folder["headed"]);
        }
        using (BertModel other = BertModel.FromPretrained(folder["base"], ModelHead.MaskedLanguageModel))
        using (LoraAdapter adapter = new(other, new LoraOptions { Rank = 3, Targets = ["*blocks.*"] }))
        {
            Randomize(other);
            adapter.SavePretrained(folder["headless"]);
        }
        AdapterFolder.Merge(merged, (folder["headed"], 1), (folder["headless"], 0.5));
        using (LoraAdapter one = LoraAdapter.FromPretrained(b, folder["headed"], "one"), two = LoraAdapter.FromPretrained(b, folder["headless"], "two"))
        {
            two.Weight = 0.5;
            double[] sum = Logits(b), got = Logits(merged);
            for (int i = 0; i < sum.Length; i++) Assert.Equal(sum[i], got[i], 1e-4);
        }
        Assert.Equal(Bytes(a.named_parameters().Single(p => p.name == "classifier.weight").parameter), Bytes(merged.named_parameters().Single(p => p.name == "classifier.weight").parameter));
    }

    private static IAdapter Adapt(AdapterKind kind, ITransformerModel model, ulong seed)
    {
        using var generator = new Generator(seed);
        return kind switch
        {
            AdapterKind.Lora => new LoraAdapter(model, new LoraOptions { Rank = 3, Dropout = 0.1 }, generator: generator),
            AdapterKind.Ia3 => new Ia3Adapter(model),
            AdapterKind.Bottleneck => new BottleneckAdapter(model, new() { Width = 5 }, generator),
            AdapterKind.Prefix => new PrefixTuning(model, new() { Length = 3, InitialDeviation = 0.5 }, generator),
            AdapterKind.Prompt => new PromptTuning(model, new() { Length = 3 }, generator),
            _ => new BitFit(model),
        };
    }

    /// <summary>Moves all that is trained, or some of it.</summary>
    private static void Randomize(nn.Module model, Func<string, bool>? chosen = null)
    {
        using var generator = new Generator(11);
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (var (name, value) in model.named_parameters().Where(p => p.parameter.requires_grad && (chosen?.Invoke(p.name) ?? true))) value.add_(randn(value.shape, generator: generator) * 0.2);
    }

    private static double[] Logits(BertModel model)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(3);
        model.eval();
        return Doubles(model.Forward(new() { Ids = randint(1, 41, [3, 7], dtype: ScalarType.Int64, generator: generator) }).Logits);
    }

    internal static LabelledTexts Texts(int count = 60)
    {
        string[] fillers = s_words[3..];
        string Words(int seed, int many) => string.Join(' ', Enumerable.Range(0, many).Select(i => fillers[(seed * 31 + i * 17 + seed / 7) % fillers.Length]));
        return new([.. Enumerable.Range(0, count).Select(i => new LabelledText { Text = $"{Words(i, i % 4 + 1)} {s_words[i % 3]} {Words(i + 1000, i % 5)}", Labels = [i % 3] })], new(["first", "second", "third"]));
    }

    internal static BertModel Bert(double dropout = 0)
    {
        using var generator = new Generator(3);
        var model = new BertModel(Config(dropout), ModelHead.SequenceClassification, generator);
        model.eval();
        return model;
    }

    private static BertConfig Config(double dropout) => new()
    {
        VocabSize = MaskingFixture.WordPiece.VocabSize,
        ContextLength = 61,
        LayerCount = 2,
        HeadCount = 2,
        EmbeddingDim = 32,
        FeedForwardDim = 48,
        Dropout = dropout,
        AttentionDropout = dropout,
        InitializerRange = 0.1,
        LabelCount = 3,
    };
}

using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using TorchSharp.Modules;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Gpt;

[Collection(nameof(RunsAlone))]
public sealed class GptModelTests : IDisposable
{
    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly GptConfig s_composed = new() { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, FeedForwardDim = 53 };
    private static readonly GptConfig s_fused = new() { VocabSize = 43, ContextLength = 19, LayerCount = 2, HeadCount = 3, EmbeddingDim = 48, FeedForwardDim = 80 };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Gpt")];

    public static TheoryData<ModelHead, bool> Heads =>
        new(from head in new[] { ModelHead.CausalLanguageModel, ModelHead.SequenceClassification, ModelHead.None } from fused in new[] { false, true } select (head, fused));

    public static TheoryData<string> Shapes => [GptFixture.ThreeLayers, GptFixture.TwoLayers, GptFixture.OneWideLayer];

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    private static GptModel Create(GptConfig config, ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return new GptModel(config, generator: generator);
    }

    private static Tensor Ids(GptConfig config, long batch, long length, ulong seed = 5)
    {
        using var generator = new Generator(seed);
        return randint(0, config.VocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator);
    }

    private static void AssertNear(Tensor expected, Tensor actual, double tolerance, string what)
    {
        Assert.Equal(expected.shape, actual.shape);
        double worst = (expected - actual).abs().max().item<float>();
        Assert.True(worst <= tolerance, $"{what} is off by {worst:E2}; {tolerance:E2} is allowed.");
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Gpt", fixture, folder => GptModel.FromPretrained(folder), model => GptWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        GptConfig config = (fused ? s_fused : s_composed) with { InitializerRange = 0.2 };
        ModelConformance.Check(
            seed => new GptModel(config, head, new Generator(seed)),
            folder => GptModel.FromPretrained(folder),
            (batch, length, seed) => new ModelInput { Ids = Ids(config, batch, length, seed) },
            config.VocabSize);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Loss_ReferenceWeights_GivesTheReferencesLogitsLossAndEveryGradient(string shape)
    {
        using var fixture = new GptFixture(shape);
        using GptModel model = GptModel.FromPretrained(fixture.ModelFolder);
        Tensor ids = fixture.Read("input_ids"), targets = fixture.Read("targets"), logits = fixture.Read("logits");

        AssertNear(logits, model.Logits(ids), fixture.Tolerance("logits", logits.abs().max().item<float>()), "logits");
        Assert.Equal(Bytes(model.Logits(ids)), Bytes(model.forward(ids)));

        Tensor loss = model.Loss(ids, targets, fixture.ValidTargets);
        loss.backward();

        double expected = fixture.Facts.GetProperty("loss").GetDouble();
        Assert.Equal(expected, loss.item<float>(), fixture.Tolerance("loss", expected));
        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        foreach (WeightRow row in GptWeights.Table(model.Config))
        {
            Tensor gradient = fixture.ReadAsOurs("gradients.", row);
            // Absolute, against the model's largest gradients: that of the key bias is zero but for rounding.
            AssertNear(gradient, parameters[row.Ours].grad!, fixture.Tolerance("gradients", 1), $"gradient of {row.Ours}");
            parameters.Remove(row.Ours);
        }
        Assert.Empty(parameters);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void TenSteps_OfAdamW_GiveTheReferencesLossesAndParameters(string shape)
    {
        using var fixture = new GptFixture(shape);
        using GptModel model = GptModel.FromPretrained(fixture.ModelFolder);
        Tensor ids = fixture.Read("input_ids"), targets = fixture.Read("targets");
        using var optimizer = optim.AdamW(
        [
            new AdamW.ParamGroup(model.parameters().Where(p => p.ndim >= 2), lr: 1e-3, beta1: 0.9, beta2: 0.95, weight_decay: 0.1),
            new AdamW.ParamGroup(model.parameters().Where(p => p.ndim < 2), lr: 1e-3, beta1: 0.9, beta2: 0.95, weight_decay: 0),
        ], lr: 1e-3, beta1: 0.9, beta2: 0.95);

        double[] losses = [.. fixture.Facts.GetProperty("losses").EnumerateArray().Select(e => e.GetDouble())];
        double[] norms = [.. fixture.Facts.GetProperty("gradient_norms").EnumerateArray().Select(e => e.GetDouble())];
        for (int step = 0; step < losses.Length; step++)
        {
            optimizer.zero_grad();
            Tensor loss = model.Loss(ids, targets, fixture.ValidTargets);
            loss.backward();
            Assert.Equal(losses[step], loss.item<float>(), fixture.Tolerance("losses", losses[step]));
            Assert.Equal(norms[step], nn.utils.clip_grad_norm_(model.parameters(), 1), 1e-5 * norms[step]);
            optimizer.step();
        }

        Dictionary<string, Parameter> parameters = model.named_parameters().ToDictionary(p => p.name, p => p.parameter);
        long width = model.Config.EmbeddingDim;
        foreach (WeightRow row in GptWeights.Table(model.Config))
        {
            Tensor expected = fixture.ReadAsOurs("trained.", row), actual = parameters[row.Ours];
            if (row.Ours.EndsWith("qkv.bias", StringComparison.Ordinal))
            {
                // The key bias moves by the noise of a gradient that is zero.
                expected = cat([expected.narrow(0, 0, width), expected.narrow(0, 2 * width, width)]);
                actual = cat([actual.narrow(0, 0, width), actual.narrow(0, 2 * width, width)]);
            }
            AssertNear(expected, actual, fixture.Tolerance("trained", 1), row.Ours);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Parameters_OfAModel_AreThoseOfTheTableOnce(bool fused)
    {
        GptConfig config = fused ? s_fused : s_composed;
        using GptModel model = Create(config);

        Assert.Equal(
            GptWeights.Table(config).Select(row => $"{row.Ours} ({string.Join(", ", row.Shape)})").Order(),
            model.named_parameters().Select(p => $"{p.name} ({string.Join(", ", p.parameter.shape)})").Order());
        Assert.Equal(model.named_parameters().Count(), model.state_dict().Count);
        Assert.All(model.parameters(), p => Assert.Equal((ScalarType.Float32, true), (p.dtype, p.requires_grad)));
    }

    [Theory]
    [InlineData("nano")]
    [InlineData("char")]
    [InlineData("gpt2-small")]
    [InlineData("gpt2-medium")]
    [InlineData("gpt2-large")]
    [InlineData("gpt2-xl")]
    public void Table_OfAPreset_HasTheApprovedNamesAndShapes(string preset)
    {
        GptConfig config = GptPresets.All[preset];
        config.Validate();

        string[] lines = [.. GptWeights.Table(config).Select(row => $"{row.Theirs} {string.Join(' ', row.StoredShape)}").Order(StringComparer.Ordinal),
            $"total {GptWeights.Table(config).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b))}"];

        Assert.Equal(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Models", "Gpt", "approved", preset + ".txt")), string.Join('\n', lines) + "\n");
    }

    [Theory]
    [InlineData("gpt2-small", 124_439_808)]
    [InlineData("gpt2-medium", 354_823_168)]
    [InlineData("gpt2-large", 774_030_080)]
    [InlineData("gpt2-xl", 1_557_611_200)]
    public void Table_OfAPreset_CountsThePublishedParameters(string preset, long expected) =>
        Assert.Equal(expected, GptWeights.Table(GptPresets.All[preset]).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Logits_LaterTokens_DoNotInfluenceEarlierOnes(bool fused)
    {
        GptConfig config = fused ? s_fused : s_composed;
        using GptModel model = Create(config);
        Tensor ids = Ids(config, 2, 13), changed = ids.clone();
        changed.narrow(1, 7, 6).copy_(Ids(config, 2, 6, seed: 7));

        Tensor before = model.Logits(ids), after = model.Logits(changed);

        Assert.Equal([2, 13, config.VocabSize], before.shape);
        Assert.Equal(Bytes(before.narrow(1, 0, 7)), Bytes(after.narrow(1, 0, 7)));
        Assert.NotEqual(Bytes(before.narrow(1, 7, 6)), Bytes(after.narrow(1, 7, 6)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NextLogits_InAnyParts_AreTheLastOfTheWhole(bool fused)
    {
        GptConfig config = fused ? s_fused : s_composed;
        using GptModel model = Create(config);
        using IDisposable mode = no_grad();
        Tensor ids = Ids(config, 3, 11);
        Tensor expected = model.Logits(ids)[.., ^1];

        foreach (int[] parts in new int[][] { [11], [10, 1], [1, 4, 6], [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1] })
        {
            using KeyValueCache cache = model.CreateCache(3, 11);
            Tensor? logits = null;
            int from = 0;
            foreach (int part in parts)
            {
                logits = model.NextLogits(ids.narrow(1, from, part), cache);
                from += part;
                Assert.Equal(from, cache.Length);
            }
            AssertClose(Doubles(expected), Doubles(logits!), config.VocabSize, 128 * Float32Rounding, $"logits after {string.Join('+', parts)}");
        }
    }

    [Fact]
    public void CreateCache_BeyondTheContext_Throws()
    {
        using GptModel model = Create(s_composed);

        var e = Assert.Throws<ArgumentOutOfRangeException>(() => model.CreateCache(1, 18));

        Assert.StartsWith("The capacity must be at most the context length (17).", e.Message);
        Assert.Equal((41, 17), (model.VocabSize, model.ContextLength));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Step_OnOneBatch_OverfitsIt(bool fused)
    {
        GptConfig config = fused ? s_fused : s_composed;
        using GptModel model = Create(config);
        Tensor ids = Ids(config, 3, 11), targets = Ids(config, 3, 11, seed: 11);
        using var optimizer = optim.AdamW(model.parameters(), lr: 2e-2);
        float loss = float.PositiveInfinity;
        int steps = 0;
        for (; steps < 100 && loss >= 0.1f; steps++)
        {
            using DisposeScope scope = NewDisposeScope();
            optimizer.zero_grad();
            Tensor l = model.Loss(ids, targets, 33);
            l.backward();
            optimizer.step();
            loss = l.item<float>();
        }
        Assert.True(loss < 0.1f, $"After {steps} steps on one batch the loss is still {loss}.");
    }

    [Fact]
    public void Step_HeadAndEmbedding_StayOneParameter()
    {
        using GptModel model = Create(s_fused);
        Tensor ids = zeros([2, 5], dtype: ScalarType.Int64), targets = ones([2, 5], dtype: ScalarType.Int64);
        using var optimizer = optim.AdamW(model.parameters(), lr: 1e-2);
        model.Loss(ids, targets, 10).backward();

        // Token 7 does not occur: its gradient comes through the head alone. Token 0 is an input: it has that of both.
        Assert.Contains(Doubles(model.token_embedding.grad![7]), g => g != 0);
        optimizer.step();

        // With the final norm's gain 0 its shift is all that the head sees: the logits are its product with the embedding.
        using IDisposable mode = no_grad();
        model.final_norm.weight.zero_();
        Tensor shift = model.final_norm.bias!.copy_(Normal([48], 3));
        Tensor expected = matmul(model.token_embedding, shift);
        AssertClose(Doubles(expected), Doubles(model.Logits(ids)[0, 0]), 43, 32 * Float32Rounding, "logits");
        Assert.Single(model.named_parameters(), p => p.parameter.shape.Contains(43));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_Dropout_IsRandomInTrainingOnly(bool fused)
    {
        using GptModel model = Create((fused ? s_fused : s_composed) with { Dropout = 0.3 }), plain = Create(fused ? s_fused : s_composed);
        Tensor ids = Ids(model.Config, 2, 11), targets = Ids(model.Config, 2, 11, seed: 11);
        float expected = plain.Loss(ids, targets, 22).item<float>();

        model.eval();
        Assert.Equal(expected, model.Loss(ids, targets, 22).item<float>());
        model.train();
        float one = model.Loss(ids, targets, 22).item<float>(), two = model.Loss(ids, targets, 22).item<float>();

        Assert.NotEqual(one, two);
        Assert.NotEqual(expected, one);
        Assert.Equal(expected, one, 0.5f);
        manual_seed(13);
        one = model.Loss(ids, targets, 22).item<float>();
        manual_seed(13);
        Assert.Equal(one, model.Loss(ids, targets, 22).item<float>());
    }

    [Fact]
    public void Constructor_InitialValues_HaveTheConfiguredSpread()
    {
        using GptModel model = Create(new GptConfig { VocabSize = 499, ContextLength = 251, LayerCount = 3, HeadCount = 4, EmbeddingDim = 128 });
        using IDisposable mode = no_grad();
        foreach (var (name, p) in model.named_parameters())
        {
            double deviation = p.std().item<float>(), mean = p.mean().item<float>();
            if (p.ndim == 1)
            {
                double value = name.Contains("norm.weight", StringComparison.Ordinal) ? 1 : 0;
                Assert.All(Doubles(p), x => Assert.Equal(value, x));
                continue;
            }
            double expected = name.Contains("output.weight", StringComparison.Ordinal) ? 0.02 / Math.Sqrt(6) : 0.02;
            // Of n normal numbers the deviation is known to 1/√(2n), the mean to 1/√n: four of either.
            Assert.Equal(expected, deviation, 4 * expected / Math.Sqrt(2.0 * p.numel()));
            Assert.Equal(0, mean, 4 * expected / Math.Sqrt(p.numel()));
        }
    }

    [Fact]
    public void Constructor_SameSeed_GivesTheSameModel()
    {
        using GptModel one = Create(s_composed, seed: 7), two = Create(s_composed, seed: 7), other = Create(s_composed, seed: 11);

        foreach (string name in one.state_dict().Keys) Assert.Equal(Bytes(one.state_dict()[name]), Bytes(two.state_dict()[name]));
        Assert.NotEqual(Bytes(one.token_embedding), Bytes(other.token_embedding));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_ForwardAndBackward_LeavesNoTensor(bool fused)
    {
        using GptModel model = Create(fused ? s_fused : s_composed);
        Tensor ids = Ids(model.Config, 2, 11), targets = Ids(model.Config, 2, 11, seed: 11);
        long Step()
        {
            using DisposeScope scope = NewDisposeScope();
            model.Loss(ids, targets, 22).backward();
            return 0;
        }
        Step();
        foreach (Parameter p in model.parameters()) _ = p.grad;
        long before = LiveTensors.Count();

        for (int i = 0; i < 7; i++) Step();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Logits_WithoutAScope_LeaveTheResultAlone(bool fused)
    {
        using GptModel model = Create(fused ? s_fused : s_composed);
        using IDisposable mode = no_grad();
        Tensor ids = Ids(model.Config, 2, 11);
        using KeyValueCache cache = model.CreateCache(2, 11);
        long before = LiveTensors.Count();

        using Tensor all = model.Logits(ids), last = model.NextLogits(ids, cache);

        Assert.Equal(before + 2, Tensor.TotalCount);
    }

    [Fact]
    public void Loss_BFloat16Model_IsNearThatOfFloat32()
    {
        using GptModel model = Create(s_fused);
        Tensor ids = Ids(s_fused, 3, 11), targets = Ids(s_fused, 3, 11, seed: 11);
        float expected = model.Loss(ids, targets, 33).item<float>();

        model.to(ScalarType.BFloat16);
        Tensor loss = model.Loss(ids, targets, 33);
        loss.backward();

        Assert.Equal(ScalarType.Float32, loss.dtype);
        Assert.Equal(expected, loss.item<float>(), 0.01f);
        Assert.All(model.parameters(), p => Assert.Equal(ScalarType.BFloat16, p.grad!.dtype));
    }

    [Fact]
    public void Logits_IdsThatAreWrong_Throws()
    {
        using GptModel model = Create(s_composed);

        Assert.Equal("The token id 41 at row 0, column 0 is outside the vocabulary (0 to 40). (Parameter 'ids')",
            Assert.Throws<ArgumentException>(() => model.Logits(full([1, 1], 41, dtype: ScalarType.Int64))).Message);
        Assert.Equal("The sequence has 18 tokens, more than the context length (17). Shorten it, or cut it into windows. (Parameter 'ids')",
            Assert.Throws<ArgumentException>(() => model.Logits(zeros([1, 18], dtype: ScalarType.Int64))).Message);
        Assert.Throws<ArgumentException>(() => model.Logits(zeros([5], dtype: ScalarType.Int64)));
        Assert.Throws<ArgumentException>(() => model.Loss(zeros([2, 5], dtype: ScalarType.Int64), zeros([2, 7], dtype: ScalarType.Int64), 1));
    }

    [Theory]
    [InlineData("resid_pdrop")]
    [InlineData("embd_pdrop")]
    [InlineData("attn_pdrop")]
    public void FromPretrained_OneKindOfDropout_DropsThereAndIsSaved(string kind)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using var folder = new TemporaryFolder();
        using FamilyFixture fixture = FamilyFixture.Open("Gpt", "causal-lm-two-layers");
        fixture.WriteFolder(folder.Root);
        JsonNode json = JsonNode.Parse(File.ReadAllText(folder["config.json"]))!;
        json[kind] = 0.5;
        File.WriteAllText(folder["config.json"], json.ToJsonString());

        using GptModel model = GptModel.FromPretrained(folder.Root);
        JsonNode saved = model.ToConfigJson();

        foreach (string name in new[] { "resid_pdrop", "embd_pdrop", "attn_pdrop" }) Assert.Equal(name == kind ? 0.5 : 0, (double)saved[name]!);
        model.train();
        Assert.False(Same(fixture.Input()));
        Assert.Equal(kind != "embd_pdrop", Bytes(Embedded()).SequenceEqual(Bytes(Embedded())));
        model.eval();
        Assert.True(Same(fixture.Input()));

        Tensor Embedded() => model.Forward(fixture.Input() with { WantHiddenStates = true }).HiddenStates![0];

        bool Same(ModelInput input) => Bytes(model.Forward(input).Logits).SequenceEqual(Bytes(model.Forward(input).Logits));
    }
}

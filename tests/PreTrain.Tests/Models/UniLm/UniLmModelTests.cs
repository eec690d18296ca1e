using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.UniLm;
using PreTrain.Modules;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.UniLm;

[Collection(nameof(RunsAlone))]
public sealed class UniLmModelTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly UniLmConfig s_composed = new()
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
    };
    private static readonly UniLmConfig s_fused = s_composed with { VocabSize = 43, ContextLength = 19, EmbeddingDim = 48, FeedForwardDim = 80 };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("UniLm")];

    public static TheoryData<ModelHead, bool> Heads
    {
        get
        {
            var data = new TheoryData<ModelHead, bool>();
            foreach (var (head, _) in UniLmWeights.Architectures)
            {
                data.Add(head, false);
                data.Add(head, true);
            }
            return data;
        }
    }

    public void Dispose() => _scope.Dispose();

    private static Tensor Ids(int batch, int length, ulong seed)
    {
        using var generator = new Generator(seed);
        return randint(1, 41, [batch, length], dtype: ScalarType.Int64, generator: generator);
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("UniLm", fixture, folder => UniLmModel.FromPretrained(folder), model => UniLmWeights.Table(model.Config));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        UniLmConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new UniLmModel(config, head, new Generator(seed)),
            folder => UniLmModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                Tensor ids = Ids(batch, length, seed);
                return new ModelInput { Ids = ids, TokenTypeIds = (ids % 2).to(ScalarType.Int64) };
            },
            41);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_PrefixOfNoTokenOrAll_IsCausalOrBidirectional(bool fused)
    {
        using var masked = new UniLmModel(fused ? s_fused : s_composed, ModelHead.MaskedLanguageModel, new Generator(3));
        using var causal = new UniLmModel(fused ? s_fused : s_composed, ModelHead.CausalLanguageModel, new Generator(3));
        var input = new ModelInput { Ids = Ids(2, 7, 5) };
        using IDisposable mode = no_grad();

        Assert.Equal(Bytes(causal.Forward(input).Logits), Bytes(masked.Forward(input with { PrefixLengths = [0, 0] }).Logits));
        Assert.Equal(Bytes(masked.Forward(input).Logits), Bytes(causal.Forward(input with { PrefixLengths = [7, 7] }).Logits));
        Assert.NotEqual(Bytes(masked.Forward(input).Logits), Bytes(causal.Forward(input).Logits));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void ReadPrefix_ThenNextLogits_IsThePrefixMask(bool fused)
    {
        using var model = new UniLmModel(fused ? s_fused : s_composed, ModelHead.CausalLanguageModel, new Generator(3));
        Tensor ids = Ids(3, 11, 5), types = cat([zeros([3, 4], dtype: ScalarType.Int64), ones([3, 7], dtype: ScalarType.Int64)], 1);
        using IDisposable mode = no_grad();
        Tensor whole = model.Forward(new() { Ids = ids, TokenTypeIds = types, PrefixLengths = [4, 4, 4] }).Logits;

        using KeyValueCache cache = model.ReadPrefix(ids[.., ..4], types[.., ..4], 11);
        Tensor first = model.NextLogits(ids[.., 4..7], types[.., 4..7], cache), second = model.NextLogits(ids[.., 7..8], types[.., 7..8], cache);

        Assert.Equal(8, cache.Length);
        AssertClose(Doubles(whole[.., 6]), Doubles(first), first.size(-1), 256 * Float32Rounding, "after 3 tokens", least: 0.1);
        AssertClose(Doubles(whole[.., 7]), Doubles(second), second.size(-1), 256 * Float32Rounding, "after 4 tokens", least: 0.1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void NextLogits_EmptyPlacesAtTheLeft_AreNotSeen(bool fused)
    {
        using var model = new UniLmModel(fused ? s_fused : s_composed, ModelHead.CausalLanguageModel, new Generator(3));
        Tensor ids = Ids(2, 7, 5);
        using IDisposable mode = no_grad();
        using KeyValueCache alone = model.CreateCache(1, 11), both = model.CreateCache(2, 11);
        both.LeaveEmpty([3, 0]);

        Tensor expected = model.NextLogits(ids[..1, 3..], alone), actual = model.NextLogits(ids, both);
        AssertClose(Doubles(expected), Doubles(actual[..1]), expected.size(-1), 256 * Float32Rounding, "logits", least: 0.1);
        expected = model.NextLogits(ids[..1, ..1], alone);
        actual = model.NextLogits(ids[.., ..1], both);
        AssertClose(Doubles(expected), Doubles(actual[..1]), expected.size(-1), 256 * Float32Rounding, "the next ones", least: 0.1);
    }

    [Fact]
    public void Loss_Prefix_IsTheCrossEntropyAtTheTargets()
    {
        using var model = new UniLmModel(s_fused, ModelHead.CausalLanguageModel, new Generator(3));
        Tensor targets = full([2, 7], CrossEntropy.Ignored, dtype: ScalarType.Int64);
        targets[0, 3] = 5;
        targets[1, 6] = 11;
        var input = new ModelInput { Ids = Ids(2, 7, 5), PrefixLengths = [3, 5] };

        Tensor expected = nn.functional.cross_entropy(model.Forward(input).Logits.flatten(0, 1), targets.flatten(), ignore_index: CrossEntropy.Ignored, reduction: nn.Reduction.Sum) / 7;

        Assert.Equal(expected.item<float>(), model.Loss(input, targets, 7).item<float>(), 1e-5);
    }

    [Fact]
    public void FromPretrained_BertForPreTraining_HasItsLogits()
    {
        string folder = Directory.CreateTempSubdirectory("unilm-").FullName;
        try
        {
            using var bert = new BertModel(new BertConfig { VocabSize = 41, ContextLength = 17, LayerCount = 2, HeadCount = 3, EmbeddingDim = 15, Dropout = 0, AttentionDropout = 0 },
                ModelHead.PreTraining, new Generator(3));
            bert.SavePretrained(folder);
            var input = new ModelInput { Ids = Ids(2, 7, 5) };
            using IDisposable mode = no_grad();

            using UniLmModel model = UniLmModel.FromPretrained(folder), causal = UniLmModel.FromPretrained(folder, ModelHead.CausalLanguageModel);

            Assert.Equal(ModelHead.MaskedLanguageModel, model.Head);
            Assert.Equal(Bytes(bert.Forward(input).Logits), Bytes(model.Forward(input).Logits));
            Assert.Equal(Bytes(bert.Forward(input).Logits), Bytes(causal.Forward(input with { PrefixLengths = [7, 7] }).Logits));
            model.SavePretrained(folder);
            using BertModel back = BertModel.FromPretrained(folder, ModelHead.MaskedLanguageModel);
            Assert.Equal(Bytes(bert.Forward(input).Logits), Bytes(back.Forward(input).Logits));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Forward_FaultyPrefixes_SaysWhatIsWrong()
    {
        using var model = new UniLmModel(s_composed, generator: new Generator(3));
        using var bert = new BertModel(new BertConfig { VocabSize = 41, LayerCount = 1, HeadCount = 3, EmbeddingDim = 15 }, generator: new Generator(3));
        var input = new ModelInput { Ids = Ids(2, 7, 5), AttentionMask = tensor(new long[] { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0 }, [2, 7]) };

        var count = Assert.Throws<ArgumentException>(() => model.Forward(input with { PrefixLengths = [3] }));
        var length = Assert.Throws<ArgumentException>(() => model.Forward(input with { PrefixLengths = [7, 4] }));
        var unknown = Assert.Throws<ArgumentException>(() => bert.Forward(input with { PrefixLengths = [3, 3] }));

        Assert.Equal("PrefixLengths has 1 lengths for 2 sequences. (Parameter 'input')", count.Message);
        Assert.Equal("The prefix of sequence 1 (4) must be from 0 to its 3 tokens. (Parameter 'input')", length.Message);
        Assert.Equal("A bert model takes no PrefixLengths. (Parameter 'given')", unknown.Message);
    }

    [Fact]
    public void NextLogits_MaskedHead_Throws()
    {
        using var model = new UniLmModel(s_composed, generator: new Generator(3));

        var e = Assert.Throws<InvalidOperationException>(() => model.Logits(Ids(1, 3, 5)));

        Assert.Equal("A model with the head MaskedLanguageModel predicts no next token. Create or load it with the head CausalLanguageModel.", e.Message);
    }

    [Fact]
    public void Constructor_OtherHead_Throws() =>
        Assert.StartsWith("A UniLmModel has no head NextSentence; it has MaskedLanguageModel, CausalLanguageModel.",
            Assert.Throws<ArgumentException>(() => new UniLmModel(s_composed, ModelHead.NextSentence)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("unilm-base", 109_514_298)]
    [InlineData("unilm-large", 335_174_458)]
    public void Table_OfAPreset_CountsBertsParameters(string preset, long expected) =>
        Assert.Equal(expected, UniLmWeights.Table(UniLmPresets.All[preset]).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));
}

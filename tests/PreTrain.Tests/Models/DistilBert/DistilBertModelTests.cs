using PreTrain.Models;
using PreTrain.Models.DistilBert;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.DistilBert;

[Collection(nameof(RunsAlone))]
public sealed class DistilBertModelTests
{
    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly DistilBertConfig s_composed = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = 15,
        FeedForwardDim = 53,
        Dropout = 0,
        AttentionDropout = 0,
        ClassifierDropout = 0,
        AnswerDropout = 0,
        InitializerRange = 0.2,
    };
    private static readonly DistilBertConfig s_fused = s_composed with { VocabSize = 43, ContextLength = 19, EmbeddingDim = 48, FeedForwardDim = 80 };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("DistilBert")];

    public static TheoryData<ModelHead, bool> Heads
    {
        get
        {
            var data = new TheoryData<ModelHead, bool>();
            foreach (var (head, _) in DistilBertWeights.Architectures)
            {
                data.Add(head, false);
                data.Add(head, true);
            }
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("DistilBert", fixture, folder => DistilBertModel.FromPretrained(folder), model => DistilBertWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        DistilBertConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new DistilBertModel(config, head, new Generator(seed)),
            folder => DistilBertModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                return new ModelInput { Ids = randint(1, config.VocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator) };
            },
            config.VocabSize);
    }

    [Fact]
    public void Presets_Base_HasThePublishedSize()
    {
        long parameters = DistilBertWeights.Table(DistilBertPresets.Base, ModelHead.None).Sum(row => row.Shape.Aggregate(1L, (product, size) => product * size));
        Assert.Equal(66_362_880, parameters);
    }

    [Fact]
    public void Forward_Segments_Throws()
    {
        using var model = new DistilBertModel(s_composed);
        using Tensor ids = ones([1, 5], dtype: ScalarType.Int64);
        var e = Assert.Throws<ArgumentException>(() => model.Forward(new ModelInput { Ids = ids, TokenTypeIds = ids }));
        Assert.Contains("distilbert", e.Message);
    }

    [Fact]
    public void Forward_Training_DropsTheFeedForwardOutputAndNotAttentions()
    {
        // Embeddings and the feed-forward layer's output are zero, attention's output is not: a pass differs from the next only if that is dropped.
        using var model = new DistilBertModel(s_composed with { Dropout = 0.5, LayerCount = 1 }, ModelHead.None);
        using Tensor ids = arange(1, 12, dtype: ScalarType.Int64).view(1, 11);
        using (no_grad())
        {
            foreach (var (name, parameter) in model.named_parameters())
            {
                if (name.Contains("feed_forward_output") || name.Contains("embedding_norm")) parameter.zero_();
                if (name.EndsWith("value.bias")) parameter.fill_(1);
            }
        }
        using var noGradient = no_grad();
        using Tensor first = model.Forward(new ModelInput { Ids = ids }).Logits, second = model.Forward(new ModelInput { Ids = ids }).Logits;
        Assert.True(first.abs().max().item<float>() > 0.1);
        Assert.True(first.equal(second).all().item<bool>());
    }
}

using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Bert;

[Collection(nameof(RunsAlone))]
public sealed class BertModelTests
{
    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly BertConfig s_composed = new()
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
    private static readonly BertConfig s_fused = s_composed with { VocabSize = 43, ContextLength = 19, EmbeddingDim = 48, FeedForwardDim = 80 };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Bert")];

    public static TheoryData<ModelHead, bool> Heads
    {
        get
        {
            var data = new TheoryData<ModelHead, bool>();
            foreach (var (head, _) in BertWeights.Architectures)
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
        FamilyParity.Check("Bert", fixture, folder => BertModel.FromPretrained(folder), model => BertWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        BertConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new BertModel(config, head, new Generator(seed)),
            folder => BertModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                Tensor ids = randint(1, config.VocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator);
                return new ModelInput { Ids = ids, TokenTypeIds = (ids % 2).to(ScalarType.Int64) };
            },
            config.VocabSize);
    }
}

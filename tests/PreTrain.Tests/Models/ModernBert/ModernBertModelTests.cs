using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.ModernBert;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.ModernBert;

[Collection(nameof(RunsAlone))]
public sealed class ModernBertModelTests
{
    /// <summary>Distinct primes, and for the second the widths that the fused kernels take.</summary>
    private static readonly ModernBertConfig s_composed = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 4,
        HeadCount = 3,
        EmbeddingDim = 18,
        FeedForwardDim = 53,
        LocalWindow = 4,
        PaddingId = 0,
        InitializerRange = 0.2,
    };
    private static readonly ModernBertConfig s_fused = s_composed with { VocabSize = 43, ContextLength = 19, EmbeddingDim = 48, FeedForwardDim = 80, UsesMeanPooling = true };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("ModernBert")];

    public static TheoryData<ModelHead, bool> Heads
    {
        get
        {
            var data = new TheoryData<ModelHead, bool>();
            foreach (var (head, _) in ModernBertWeights.Architectures)
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
        FamilyParity.Check("ModernBert", fixture, folder => ModernBertModel.FromPretrained(folder), model => ModernBertWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        ModernBertConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new ModernBertModel(config, head, new Generator(seed)),
            folder => ModernBertModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                Tensor ids = randint(1, config.VocabSize, [batch, length], dtype: ScalarType.Int64, generator: generator);
                return new ModelInput { Ids = ids };
            },
            config.VocabSize);
    }

    [Theory]
    [InlineData(""" "rope_parameters": { "full_attention": { "rope_type": "linear", "factor": 8.0 } } """, "rope_type is \"linear\"; a ModernBertModel computes \"default\".")]
    [InlineData(""" "rope_parameters": { "sliding_attention": { "type": "yarn", "factor": 8.0 } } """, "type is \"yarn\"; a ModernBertModel computes \"default\".")]
    [InlineData(""" "rope_scaling": { "rope_type": "dynamic", "factor": 8.0 } """, "rope_type is \"dynamic\"; a ModernBertModel computes \"default\".")]
    public void ToConfig_StretchedFrequencies_AreNamed(string fields, string message)
    {
        var json = JsonNode.Parse($$"""{ "model_type": "modernbert", {{fields}} }""")!.AsObject();

        var e = Assert.Throws<CheckpointException>(() => ModernBertWeights.ToConfig(new ConfigReader(json, "config.json")));

        Assert.EndsWith(message, e.Message, StringComparison.Ordinal);
    }
}

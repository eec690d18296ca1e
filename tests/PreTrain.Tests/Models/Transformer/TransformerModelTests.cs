using PreTrain.Models;
using PreTrain.Models.Transformer;
using PreTrain.Modules;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Transformer;

[Collection(nameof(RunsAlone))]
public sealed class TransformerModelTests
{
    /// <summary>Distinct sizes, and for the second the widths that the fused kernels take, and a vocabulary for each side.</summary>
    private static readonly TransformerConfig s_composed = new()
    {
        VocabSize = 41,
        ContextLength = 17,
        LayerCount = 2,
        DecoderLayerCount = 3,
        HeadCount = 3,
        DecoderHeadCount = 5,
        EmbeddingDim = 15,
        FeedForwardDim = 53,
        DecoderFeedForwardDim = 37,
        Dropout = 0,
        InitializerRange = 0.2,
    };
    private static readonly TransformerConfig s_fused = s_composed with
    {
        VocabSize = 43,
        DecoderVocabSize = 41,
        DecoderLayerCount = 0,
        DecoderHeadCount = 0,
        DecoderFeedForwardDim = 0,
        EmbeddingDim = 48,
        FeedForwardDim = 80,
        Activation = Activation.Silu,
    };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Transformer")];

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Transformer", fixture, folder => TransformerModel.FromPretrained(folder), model => TransformerWeights.Table(model.Config));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Model_OfEitherShape_Conforms(bool fused)
    {
        TransformerConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new TransformerModel(config, generator: new Generator(seed)),
            folder => TransformerModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                Tensor Draw(int words, int columns) => randint(1, words, [batch, columns], dtype: ScalarType.Int64, generator: generator);
                return new ModelInput { Ids = Draw(config.VocabSize, length), DecoderIds = Draw(41, length + 2) };
            },
            41);
    }

    [Theory]
    [InlineData("transformer-base", 63_082_496)]
    [InlineData("transformer-big", 214_245_376)]
    [InlineData("opus-mt", 73_886_208)]
    public void Table_OfAPreset_CountsTheReferencesParameters(string preset, long expected) =>
        Assert.Equal(expected, TransformerWeights.Table(TransformerPresets.All[preset]).Where(row => !row.IsBuffer).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));

    [Fact]
    public void Validate_EveryFault_IsNamedInOneMessage()
    {
        var config = new TransformerConfig { VocabSize = 41, DecoderVocabSize = -1, EmbeddingDim = 15, HeadCount = 3, DecoderHeadCount = 2, LayerCount = 0, EndId = 41, DecoderStartId = -1 };

        Assert.Equal(
            "LayerCount (0) must be positive. EmbeddingDim (15) must be divisible by DecoderHeadCount (2). DecoderVocabSize (-1) must be positive, or 0 for the source's vocabulary. "
            + "EndId (41) must be a token of the decoder, from 0 to 40. DecoderStartId (-1) must be a token of the decoder, from 0 to 40.",
            Assert.Throws<ArgumentException>(config.Validate).Message);
    }
}

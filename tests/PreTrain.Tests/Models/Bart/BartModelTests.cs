using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Modules;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Bart;

[Collection(nameof(RunsAlone))]
public sealed class BartModelTests
{
    /// <summary>Distinct sizes, and for the second the widths that the fused kernels take.</summary>
    private static readonly BartConfig s_composed = new()
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
        IsEmbeddingScaled = true,
        Dropout = 0,
        InitializerRange = 0.2,
    };
    private static readonly BartConfig s_fused = s_composed with { DecoderLayerCount = 0, DecoderHeadCount = 0, DecoderFeedForwardDim = 0, EmbeddingDim = 48, FeedForwardDim = 80, IsEmbeddingScaled = false };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Bart")];

    public static TheoryData<ModelHead, bool> Heads => new()
    {
        { ModelHead.SequenceToSequence, false }, { ModelHead.SequenceToSequence, true }, { ModelHead.SequenceClassification, false }, { ModelHead.SequenceClassification, true },
    };

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Bart", fixture, folder => BartModel.FromPretrained(folder), model => BartWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        BartConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new BartModel(config, head, new Generator(seed)),
            folder => BartModel.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                Tensor Draw(int columns) => randint(3, config.VocabSize, [batch, columns], dtype: ScalarType.Int64, generator: generator);
                Tensor ids = Draw(length);
                if (head == ModelHead.SequenceToSequence) return new ModelInput { Ids = ids, DecoderIds = Draw(length + 2) };
                ids[.., Math.Min(4, length - 1)] = config.EndId!.Value;
                return new ModelInput { Ids = ids };
            },
            config.VocabSize);
    }

    [Theory]
    [InlineData("bart-base", 139_420_416)]
    [InlineData("bart-large", 406_291_456)]
    public void Table_OfAPreset_CountsThePublishedParameters(string preset, long expected) =>
        Assert.Equal(expected, BartWeights.Table(BartPresets.All[preset], ModelHead.SequenceToSequence).Where(row => !row.IsBuffer).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));

    [Fact]
    public void Forward_ForAClass_ReadsTheLastEndOnly()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using var model = new BartModel(s_composed, ModelHead.SequenceClassification, new Generator(3));
        Tensor ids = tensor(new long[] { 5, 2, 7, 2, 11, 13 }, [1, 6]);

        Tensor expected = model.Forward(new() { Ids = ids }).Logits;

        using var pair = new BartModel(s_composed, ModelHead.SequenceToSequence, new Generator(5));
        foreach (var (name, p) in pair.named_parameters()) p.copy_(model.get_parameter(name)!);
        Tensor states = pair.Forward(new() { Ids = ids, DecoderIds = tensor(new long[] { 2, 5, 2, 7, 2, 11 }, [1, 6]), WantHiddenStates = true }).HiddenStates![^1];
        Tensor hidden = tanh(model.classifier!.hidden.forward(states[0, 3..4]));
        Modules.Values.AssertClose(Modules.Values.Doubles(model.classifier.output.forward(hidden)), Modules.Values.Doubles(expected), 3, 64 * Modules.Values.Float32Rounding, "scores of classes", least: 0.1);
        Assert.StartsWith("Sequence 0 does not hold the token 2 that ends it, from which its class is read. Append it.",
            Assert.Throws<ArgumentException>(() => model.Forward(new() { Ids = ids[.., 4..] })).Message);
        Assert.Equal("A model with the head SequenceClassification writes no tokens.", Assert.Throws<InvalidOperationException>(() => model.Read(new() { Ids = ids }, 3)).Message);
        Assert.StartsWith("A class is read from the token that ends a sequence, and EndId is null. Name that token.",
            Assert.Throws<ArgumentException>(() => new BartModel(s_composed with { EndId = null }, ModelHead.SequenceClassification)).Message);
    }

    [Fact]
    public void FromPretrained_WithAnotherHead_InitializesItAlone()
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = Directory.CreateTempSubdirectory("bart-").FullName;
        try
        {
            using var pair = new BartModel(s_composed, generator: new Generator(3));
            pair.SavePretrained(folder);

            using BartModel model = BartModel.FromPretrained(folder, ModelHead.SequenceClassification, new Generator(5));

            foreach (var (name, p) in pair.named_parameters()) Assert.Equal(Modules.Values.Bytes(p), Modules.Values.Bytes(model.get_parameter(name)!));
            Assert.InRange(model.classifier!.output.weight.std().item<float>(), 0.1, 0.3);
            Assert.All(Modules.Values.Doubles(model.classifier.output.bias!), b => Assert.Equal(0, b));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Validate_EveryFault_IsNamedInOneMessage()
    {
        var config = new BartConfig { VocabSize = 7, EmbeddingDim = 770, HeadCount = 12, DecoderLayerCount = -1, ActivationDropout = 1, InitializerRange = 0, DecoderStartId = 7, EndId = 2, PaddingId = null };

        Assert.Equal(
            "EmbeddingDim (770) must be divisible by HeadCount (12). DecoderLayerCount (-1) must be positive, or 0 for the encoder's. ActivationDropout (1) must be at least 0 and below 1. "
            + "InitializerRange (0) must be positive. DecoderStartId (7) must be a token, from 0 to 6.",
            Assert.Throws<ArgumentException>(config.Validate).Message);
    }

    [Fact]
    public void Dropout_BetweenTheMapsOfAFeedForwardLayer_ActsInTrainingOnly()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        using BartModel model = new(s_composed with { ActivationDropout = 0.5 }, generator: new Generator(3)), plain = new(s_composed, generator: new Generator(3));
        Tensor ids = tensor(new long[] { 5, 7, 11 }, [1, 3]);
        ModelInput input = new() { Ids = ids, DecoderIds = ids };
        byte[] expected = Modules.Values.Bytes(plain.Forward(input).Logits);
        model.train();
        Assert.NotEqual(expected, Modules.Values.Bytes(model.Forward(input).Logits));
        model.eval();
        Assert.Equal(expected, Modules.Values.Bytes(model.Forward(input).Logits));
    }
}

using PreTrain.Models;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.T5;

[Collection(nameof(RunsAlone))]
public sealed class T5ModelTests
{
    /// <summary>1.0 in distinct primes, and 1.1 in the widths that the fused kernels take.</summary>
    private static readonly T5Config s_composed = new()
    {
        VocabSize = 41,
        LayerCount = 2,
        DecoderLayerCount = 3,
        HeadCount = 3,
        EmbeddingDim = 23,
        HeadDim = 5,
        FeedForwardDim = 53,
        BucketCount = 8,
        MaxDistance = 7,
        Dropout = 0,
    };
    private static readonly T5Config s_fused = s_composed with
    {
        EmbeddingDim = 48,
        HeadDim = 16,
        FeedForwardDim = 80,
        Activation = Activation.GeluTanh,
        IsGated = true,
        IsHeadTied = false,
        IsHeadScaled = false,
    };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("T5")];

    public static TheoryData<ModelHead, bool> Heads => new()
    {
        { ModelHead.SequenceToSequence, false }, { ModelHead.SequenceToSequence, true }, { ModelHead.None, false }, { ModelHead.None, true },
    };

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("T5", fixture, folder => T5Model.FromPretrained(folder), model => T5Weights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        T5Config config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new T5Model(config, head, new Generator(seed)),
            folder => T5Model.FromPretrained(folder),
            (batch, length, seed) =>
            {
                using var generator = new Generator(seed);
                Tensor Draw(int columns) => randint(0, config.VocabSize, [batch, columns], dtype: ScalarType.Int64, generator: generator);
                return new ModelInput { Ids = Draw(length), DecoderIds = head == ModelHead.None ? null : Draw(length + 2) };
            },
            config.VocabSize);
    }

    [Theory]
    [InlineData("t5-small", 60_506_624)]
    [InlineData("t5-base", 222_903_552)]
    [InlineData("t5-large", 737_668_096)]
    [InlineData("t5-3b", 2_851_598_336)]
    [InlineData("t5-v1.1-small", 76_961_152)]
    [InlineData("t5-v1.1-base", 247_577_856)]
    [InlineData("t5-v1.1-large", 783_150_080)]
    public void Table_OfAPreset_CountsThePublishedParameters(string preset, long expected) =>
        Assert.Equal(expected, T5Weights.Table(T5Presets.All[preset], ModelHead.SequenceToSequence).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));

    [Fact]
    public void FromPretrained_EncoderOfAWholeModel_LeavesTheDecoder()
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = Directory.CreateTempSubdirectory("t5-").FullName;
        try
        {
            using var whole = new T5Model(s_fused, generator: new Generator(3));
            whole.SavePretrained(folder);

            using T5Model encoder = T5Model.FromPretrained(folder, ModelHead.None);

            var input = new ModelInput { Ids = tensor(new long[] { 5, 7, 11, 13 }, [1, 4]) };
            Tensor states = encoder.Forward(input).Logits;
            ModelOutput shown = whole.Forward(input with { DecoderIds = input.Ids, WantHiddenStates = true });
            Assert.Equal(Modules.Values.Bytes(shown.EncoderHiddenStates![^1]), Modules.Values.Bytes(states));
            Assert.Equal("A model with the head None has no decoder.", Assert.Throws<InvalidOperationException>(() => encoder.Read(input, 3)).Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The distances from which on the reference has another bucket, of 32 up to a distance of 128.</summary>
    [Theory]
    [InlineData(true, new[] { -200, -90, -63, -45, -31, -22, -15, -11, -7, -6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91 }, new[] { 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31 })]
    [InlineData(false, new[] { -200, -112, -98, -86, -76, -66, -58, -51, -45, -39, -34, -30, -26, -23, -20, -18, -15, -14, -13, -12, -11, -10, -9, -8, -7, -6, -5, -4, -3, -2, -1, 0 }, new[] { 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0 })]
    public void Bucket_OfADistance_IsTheReferences(bool bothWays, int[] firsts, int[] buckets)
    {
        var positions = new T5Positions(32, 128, bothWays);

        for (int distance = -200; distance <= 200; distance++)
            Assert.Equal((distance, (long)buckets[Array.FindLastIndex(firsts, first => first <= distance)]), (distance, positions.Bucket(distance)));
    }

    [Fact]
    public void Validate_EveryFault_IsNamedInOneMessage()
    {
        var config = new T5Config { VocabSize = 7, HeadDim = 0, DecoderLayerCount = -1, BucketCount = 7, MaxDistance = 3, IsGated = true, Activation = Activation.Gelu, Dropout = 1, EndId = 7 };

        Assert.Equal(
            "HeadDim (0) must be positive. DecoderLayerCount (-1) must be positive, or 0 for as many as the encoder's. BucketCount (7) must be even and at least 4. "
            + "MaxDistance (3) must be above half of BucketCount (7), since that many distances have a bucket of their own. "
            + "A gated layer with Gelu has no name in config.json; use GeluTanh, as T5 1.1 does. Dropout (1) must be at least 0 and below 1. EndId (7) must be a token, from 0 to 6.",
            Assert.Throws<ArgumentException>(config.Validate).Message);
    }
}

using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Models.Vit;
using PreTrain.Modules;
using PreTrain.Tests.Models.Parity;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Models.Vit;

[Collection(nameof(RunsAlone))]
public sealed class VitModelTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    /// <summary>Distinct primes as far as patches and heads allow, and for the second the widths that the fused kernels take.</summary>
    private static readonly VitConfig s_composed = new()
    {
        ImageSize = 15,
        PatchSize = 5,
        ChannelCount = 2,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = 24,
        FeedForwardDim = 37,
        LabelCount = 7,
        InitializerRange = 0.2,
        MaskRatio = 0.6,
        DecoderLayerCount = 2,
        DecoderHeadCount = 5,
        DecoderEmbeddingDim = 20,
        DecoderFeedForwardDim = 31,
    };
    private static readonly VitConfig s_fused = s_composed with
    {
        ImageSize = 12,
        PatchSize = 3,
        ChannelCount = 3,
        EmbeddingDim = 48,
        FeedForwardDim = 80,
        LabelCount = 5,
        MaskRatio = 0.75,
        NormalizesPixels = true,
        DecoderLayerCount = 1,
        DecoderHeadCount = 2,
        DecoderEmbeddingDim = 32,
        DecoderFeedForwardDim = 112,
    };

    public static TheoryData<string> Fixtures => [.. FamilyFixture.NamesOf("Vit")];

    public static TheoryData<ModelHead, bool> Heads
    {
        get
        {
            var data = new TheoryData<ModelHead, bool>();
            foreach (var (head, _) in VitWeights.Architectures)
            {
                data.Add(head, false);
                data.Add(head, true);
            }
            return data;
        }
    }

    public void Dispose() => _scope.Dispose();

    private static ModelInput Input(VitConfig config, ModelHead head, long batch, int seed) => new()
    {
        PixelValues = Normal([batch, config.ChannelCount, config.ImageSize, config.ImageSize], seed),
        MaskNoise = head == ModelHead.MaskedAutoencoder ? Normal([batch, config.PatchCount], seed + 1) : null,
    };

    [Theory]
    [MemberData(nameof(Fixtures))]
    public void Forward_ReferenceWeights_GivesTheReferencesLogitsGradientsAndLosses(string fixture) =>
        FamilyParity.Check("Vit", fixture, folder => VitModel.FromPretrained(folder), model => VitWeights.Table(model.Config, model.Head));

    [Theory]
    [MemberData(nameof(Heads))]
    public void Model_OfEveryHead_Conforms(ModelHead head, bool fused)
    {
        VitConfig config = fused ? s_fused : s_composed;
        ModelConformance.Check(
            seed => new VitModel(config, head, new Generator(seed)),
            folder => VitModel.FromPretrained(folder),
            (batch, _, seed) => Input(config, head, batch, (int)seed),
            vocabSize: 0);
    }

    [Theory]
    [InlineData("vit-tiny", 5_561_472)]
    [InlineData("vit-small", 21_813_504)]
    [InlineData("vit-base", 86_389_248)]
    [InlineData("vit-large", 304_351_232)]
    [InlineData("mae-base", 111_907_840)]
    [InlineData("mae-large", 329_541_888)]
    public void Table_OfAPreset_CountsThePublishedParameters(string preset, long expected)
    {
        ModelHead head = preset.StartsWith("mae", StringComparison.Ordinal) ? ModelHead.MaskedAutoencoder : ModelHead.None;

        Assert.Equal(expected, VitWeights.Table(VitPresets.All[preset], head).Sum(row => row.Shape.Aggregate(1L, (a, b) => a * b)));
    }

    [Fact]
    public void Forward_MaskedAutoencoder_HidesThePatchesOfHighestNoise_AndSeesNothingOfThem()
    {
        using var model = new VitModel(s_composed, ModelHead.MaskedAutoencoder, new Generator(3));
        Tensor noise = tensor(new float[] { 9, 1, 8, 2, 7, 3, 6, 4, 5 }, [1, 9]);   // three of nine stay: 1, 3 and 5
        Tensor pixels = Normal([1, 2, 15, 15], 5), changed = pixels.clone();
        changed[.., .., ..5, ..5] = 100;   // patch 0, which is hidden

        using IDisposable mode = no_grad();
        ModelOutput output = model.Forward(new() { PixelValues = pixels, MaskNoise = noise }), other = model.Forward(new() { PixelValues = changed, MaskNoise = noise });

        Assert.Equal([1, 0, 1, 0, 1, 0, 1, 1, 1], Doubles(output.Mask!));
        Assert.Equal(Bytes(output.Logits), Bytes(other.Logits));
        Assert.NotEqual(output.Loss!.item<float>(), other.Loss!.item<float>());
    }

    [Fact]
    public void Forward_MaskedAutoencoderWithoutNoise_HidesTheRatioAtRandom()
    {
        using var model = new VitModel(s_fused, ModelHead.MaskedAutoencoder, new Generator(3));
        manual_seed(1);
        ModelInput input = new() { PixelValues = Normal([7, 3, 12, 12], 5) };

        using IDisposable mode = no_grad();
        Tensor first = model.Forward(input).Mask!, second = model.Forward(input).Mask!;

        Assert.All(Doubles(first.sum(dim: 1)), hidden => Assert.Equal(12, hidden));
        Assert.NotEqual(Doubles(first), Doubles(second));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_MaskedAutoencoder_IsTheMeanSquareOverThePixelsOfHiddenPatches(bool normalizes)
    {
        VitConfig config = s_composed with { NormalizesPixels = normalizes };
        using var model = new VitModel(config, ModelHead.MaskedAutoencoder, new Generator(3));
        ModelInput input = Input(config, ModelHead.MaskedAutoencoder, 2, 5);
        using IDisposable mode = no_grad();
        ModelOutput output = model.Forward(input);
        double[] logits = Doubles(output.Logits), mask = Doubles(output.Mask!), pixels = Doubles(input.PixelValues!);

        double total = 0, hidden = 0;
        for (int b = 0; b < 2; b++)
        {
            for (int patch = 0; patch < 9; patch++)
            {
                if (mask[b * 9 + patch] == 0) continue;
                var target = new List<double>();
                for (int y = 0; y < 5; y++)
                    for (int x = 0; x < 5; x++)
                        for (int channel = 0; channel < 2; channel++)
                            target.Add(pixels[((b * 2 + channel) * 15 + patch / 3 * 5 + y) * 15 + patch % 3 * 5 + x]);
                double mean = target.Average(), variance = target.Sum(t => (t - mean) * (t - mean)) / 49;
                if (normalizes) target = target.ConvertAll(t => (t - mean) / Math.Sqrt(variance + 1e-6));
                total += target.Select((t, i) => Math.Pow(logits[(b * 9 + patch) * 50 + i] - t, 2)).Average();
                hidden++;
            }
        }

        Assert.Equal(12, hidden);
        Assert.Equal(total / hidden, output.Loss!.item<float>(), 1e-4);
    }

    [Fact]
    public void FromPretrained_MaskedAutoencoderAsClassifier_KeepsTheEncoderAndTrainsItsPositions()
    {
        string folder = Directory.CreateTempSubdirectory("vit-").FullName;
        try
        {
            using var masked = new VitModel(s_composed, ModelHead.MaskedAutoencoder, new Generator(3));
            masked.SavePretrained(folder);

            using VitModel classifier = VitModel.FromPretrained(folder, ModelHead.ImageClassification, new Generator(7));

            Assert.Equal("vit", classifier.ModelType);
            Assert.False(masked.position_embedding.requires_grad);
            Assert.True(classifier.position_embedding.requires_grad);
            foreach (var (name, p) in classifier.named_parameters().Where(p => !p.name.StartsWith("classifier.", StringComparison.Ordinal)))
                Assert.Equal(Bytes(masked.named_parameters().Single(m => m.name == name).parameter), Bytes(p));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Step_MaskedAutoencoder_LeavesItsPositions()
    {
        using var model = new VitModel(s_composed, ModelHead.MaskedAutoencoder, new Generator(3));
        byte[] before = Bytes(model.position_embedding);
        using var optimizer = optim.AdamW(model.parameters(), lr: 0.1);

        model.Forward(Input(s_composed, ModelHead.MaskedAutoencoder, 2, 5)).Loss!.backward();
        optimizer.step();

        Assert.Equal(before, Bytes(model.position_embedding));
        Assert.Equal(Bytes(SinusoidalGrid.Create(3, 3, 24)), Bytes(model.position_embedding.narrow(0, 1, 9)));
        Assert.All(Doubles(model.position_embedding.narrow(0, 0, 1)), x => Assert.Equal(0, x));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Forward_DropPath_ChangesTrainingOnly_AndIsRecomputedToTheLastBit(bool fused)
    {
        VitConfig plain = fused ? s_fused : s_composed, dropping = plain with { DropPath = 0.5 };
        using var expected = new VitModel(plain, generator: new Generator(3));
        using var model = new VitModel(dropping, generator: new Generator(3));
        using var frugal = new VitModel(dropping, generator: new Generator(3)) { RecomputeActivations = true };
        ModelInput input = Input(plain, ModelHead.ImageClassification, 5, 7);

        Assert.Equal(0.5, VitWeights.ToConfig(new ConfigReader(model.ToConfigJson(), "config.json"), ModelHead.ImageClassification).DropPath);
        model.eval();
        expected.eval();
        Assert.Equal(Bytes(expected.Forward(input).Logits), Bytes(model.Forward(input).Logits));
        foreach (VitModel each in new[] { model, frugal })
        {
            each.train();
            manual_seed(11);
            each.Forward(input).Logits.square().mean().backward();
        }
        Assert.NotEqual(Bytes(expected.Forward(input).Logits), Bytes(model.Forward(input).Logits));
        foreach (var (first, second) in model.named_parameters().Zip(frugal.named_parameters())) Assert.Equal(Bytes(first.parameter.grad!), Bytes(second.parameter.grad!));
    }

    [Theory]
    [InlineData("no images", "A vit model needs PixelValues, (B, channels, height, width). (Parameter 'input')")]
    [InlineData("axes", "The images must be (B, channels, height, width), not (2, 15, 15). (Parameter 'input')")]
    [InlineData("type", "The images must hold floating-point numbers, not Byte. Scale them as the model was trained on them. (Parameter 'input')")]
    [InlineData("channels", "The images (1, 3, 15, 15) have 3 channels; the model takes 2. (Parameter 'input')")]
    [InlineData("size", "The images (1, 2, 15, 20) are 15 × 20 pixels; the model takes 15 × 15. Resize them, or crop them. (Parameter 'input')")]
    [InlineData("ids", "A vit model takes no Ids. (Parameter 'given')")]
    [InlineData("noise", "A vit (ImageClassification) model takes no MaskNoise. (Parameter 'given')")]
    public void Forward_OtherInput_SaysWhatIsWrong(string what, string expected)
    {
        using var model = new VitModel(s_composed, generator: new Generator(3));
        Tensor images = zeros([1, 2, 15, 15]);
        ModelInput input = what switch
        {
            "no images" => new(),
            "axes" => new() { PixelValues = zeros([2, 15, 15]) },
            "type" => new() { PixelValues = images.to(ScalarType.Byte) },
            "channels" => new() { PixelValues = zeros([1, 3, 15, 15]) },
            "size" => new() { PixelValues = zeros([1, 2, 15, 20]) },
            "ids" => new() { PixelValues = images, Ids = zeros([1, 3], dtype: ScalarType.Int64) },
            _ => new() { PixelValues = images, MaskNoise = zeros([1, 9]) },
        };

        Assert.Equal(expected, Assert.Throws<ArgumentException>(() => model.Forward(input)).Message);
    }

    [Fact]
    public void Forward_NoiseOfAnotherShape_Throws()
    {
        using var model = new VitModel(s_composed, ModelHead.MaskedAutoencoder, new Generator(3));

        var e = Assert.Throws<ArgumentException>(() => model.Forward(new() { PixelValues = zeros([2, 2, 15, 15]), MaskNoise = zeros([2, 10]) }));

        Assert.Equal("MaskNoise (2, 10) must be (2, 9), a number for each patch. (Parameter 'input')", e.Message);
    }

    [Fact]
    public void Constructor_FaultyConfig_NamesAllFaults()
    {
        var e = Assert.Throws<ArgumentException>(() => new VitModel(
            s_composed with { ImageSize = 17, HeadCount = 2, EmbeddingDim = 22, DropPath = 1, MaskRatio = 0.99 }, ModelHead.MaskedAutoencoder));

        Assert.Equal("ImageSize (17) must be divisible by PatchSize (5). DropPath (1) must be at least 0 and below 1. "
            + "EmbeddingDim (22) must be divisible by 4 in a masked autoencoder, for positions of rows and columns. MaskRatio (0.99) must leave some of the 9 patches and hide some.", e.Message);
    }

    [Fact]
    public void FromPretrained_OtherModelType_Throws()
    {
        string folder = Directory.CreateTempSubdirectory("vit-").FullName;
        try
        {
            File.WriteAllText(Path.Combine(folder, "config.json"), """{"model_type": "deit", "pooler_output_size": 5, "hidden_size": 768}""");

            var e = Assert.Throws<CheckpointException>(() => VitModel.FromPretrained(folder));

            Assert.Contains("model_type is \"deit\"; a VitModel computes \"vit\" or \"vit_mae\".", e.Message);
            Assert.Contains("pooler_output_size is 5; a VitModel pools to hidden_size (768).", e.Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Models;
using PreTrain.Models.Vit;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Images;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class MaskedAutoencodingTests : IDisposable
{
    private const int ImageCount = 29, HeldOut = 6;
    private static readonly VitConfig s_config = new()
    {
        ImageSize = 15,
        PatchSize = 5,
        LayerCount = 2,
        HeadCount = 3,
        EmbeddingDim = 24,
        FeedForwardDim = 37,
        MaskRatio = 0.6,
        DecoderLayerCount = 1,
        DecoderHeadCount = 5,
        DecoderEmbeddingDim = 20,
        DecoderFeedForwardDim = 31,
    };

    private static readonly ImageOptions s_options = new() { ValidationFraction = 0.2, Brightness = 0.3, Contrast = 0.2 };

    private readonly TemporaryFolder _folder = new();
    private readonly ImageFolder _images;
    private readonly DisposeScope _scope = NewDisposeScope();

    public MaskedAutoencodingTests() => _images = ImageFixture.Folder(_folder, ImageCount);

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static VitModel Create(VitConfig? config = null)
    {
        using var generator = new Generator(3);
        return new VitModel(config ?? s_config, ModelHead.MaskedAutoencoder, generator);
    }

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    private TrainingOptions Options(string output, int steps) => new()
    {
        Output = _folder.File(output),
        Steps = steps,
        BatchSize = 7,
        LearningRate = 5e-3,
        LearningRateDecay = LearningRateDecay.Constant,
        WarmupSteps = 2,
        Seed = 17,
        LogEvery = 1,
        CheckpointEvery = 5,
        EvaluateEvery = 4,
    };

    [Fact]
    public void Next_Batches_HoldEachImageOnceInAnEpochAndCountHiddenPatches()
    {
        using VitModel model = Create();
        var objective = new MaskedAutoencoding(_images, s_options with { MinCropArea = 1, FlipProbability = 0, Brightness = 0, Contrast = 0 });
        using IBatchSource source = objective.Open(new(3), model, 1);
        string[] train = [.. Draw(source, ImageCount - HeldOut).Select(Pixels)], held = [.. objective.Evaluation(model, 1).Select(Pixels)];

        Assert.Equal(HeldOut, held.Length);
        Assert.Equal(ImageCount, train.Concat(held).Distinct().Count());
        Assert.Equal(train.Order(), Draw(source, ImageCount - HeldOut).Select(Pixels).Order());
        Batch batch = Draw(source, 1)[0];
        Assert.Equal((1, 9, 6L), (batch.Rows, batch.Length, batch.ValidTargets));
        Assert.Equal([1, 3, 15, 15], batch.Images!.Shape);

        static string Pixels(Batch batch) => string.Join(' ', batch.Images!.Pixels);
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        using VitModel model = Create();
        var objective = new MaskedAutoencoding(_images, s_options);
        using IBatchSource whole = objective.Open(new(3), model, 5);
        Batch[] expected = Draw(whole, 20);
        for (int stop = 0; stop < 20; stop += 3)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), model, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Batch[] actual = Draw(second, 20 - stop);
            Assert.Equal(expected[stop..].Select(batch => batch.Images!.Pixels), actual.Select(batch => batch.Images!.Pixels));
            Assert.Equal(expected[stop..].Select(batch => batch.Seed), actual.Select(batch => batch.Seed));
        }
        Assert.Equal(20, expected.Select(batch => batch.Seed).Distinct().Count());
        using IBatchSource other = objective.Open(new(5), model, 5);
        Assert.NotEqual(expected[0].Images!.Pixels, Draw(other, 1)[0].Images!.Pixels);
    }

    [Fact]
    public void Loss_OfABatch_IsTheModelsForSomeNoise_AndThatOfItsPieces()
    {
        using VitModel model = Create();
        model.eval();
        var objective = new MaskedAutoencoding(_images, s_options);
        using IBatchSource source = objective.Open(new(3), model, 5);
        Batch batch = Draw(source, 1)[0];

        using IDisposable mode = no_grad();
        double whole = objective.Loss(model, batch, batch.ValidTargets).item<float>();
        IReadOnlyList<Batch> pieces = batch.Split(2);

        Assert.Equal(whole, objective.Loss(model, batch, batch.ValidTargets).item<float>());
        Assert.Equal(whole, pieces.Sum(piece => (double)objective.Loss(model, piece, batch.ValidTargets).item<float>()), 1e-5);
        Assert.Equal([12L, 12L, 6L], pieces.Select(piece => piece.ValidTargets));
        Assert.NotEqual(whole, objective.Loss(model, batch with { Seed = batch.Seed + 1 }, batch.ValidTargets).item<float>());
        Assert.Equal(whole / 2, objective.Loss(model, batch, 2 * batch.ValidTargets).item<float>(), 1e-6);
    }

    [Fact]
    public void Noise_OfManyImages_HidesEveryPatchAsOften()
    {
        using VitModel model = Create();
        var objective = new MaskedAutoencoding(_images, s_options);
        using IBatchSource source = objective.Open(new(3), model, 23);
        int[] hidden = new int[9];
        foreach (Batch batch in Draw(source, 20))
        {
            foreach (Batch image in batch.Split(1))
            {
                float[] noise = MaskedAutoencoding.Noise(image, 9);
                Assert.Equal(Enumerable.Range(0, 9).Select(i => (float)i), noise.Order());
                for (int patch = 0; patch < 9; patch++) hidden[patch] += noise[patch] >= 3 ? 1 : 0;
            }
        }
        // Binomial with 460 draws of 2/3: mean 307, deviation 10.
        Assert.All(hidden, count => Assert.InRange(count, 257, 357));
    }

    [Fact]
    public void Loss_Gradients_AreThoseOfTheModelsOwnLoss()
    {
        using VitModel model = Create(s_config with { NormalizesPixels = true }), same = Create(s_config with { NormalizesPixels = true });
        var objective = new MaskedAutoencoding(_images, s_options);
        using IBatchSource source = objective.Open(new(3), model, 5);
        Batch batch = Draw(source, 1)[0];

        objective.Loss(model, batch, batch.ValidTargets).backward();
        same.Forward(new() { PixelValues = tensor(batch.Images!.Pixels, batch.Images.Shape), MaskNoise = tensor(MaskedAutoencoding.Noise(batch, 9), [5, 9]) }).Loss!.backward();

        foreach (var (a, b) in model.named_parameters().Zip(same.named_parameters()))
        {
            if (!a.parameter.requires_grad) Assert.EndsWith("position_embedding", a.name);
            else Assert.Equal(Doubles(b.parameter.grad!), Doubles(a.parameter.grad!));
        }
    }

    [Fact]
    public void Evaluation_HeldOutImages_LoseTheSameWhateverTheBatchSize()
    {
        using VitModel model = Create();
        model.eval();
        var objective = new MaskedAutoencoding(_images, s_options);

        using IDisposable mode = no_grad();
        double[] losses = [.. new[] { 1, 4, 7 }.Select(size => objective.Evaluation(model, size).Sum(batch => (double)objective.Loss(model, batch, HeldOut * 6).item<float>()))];

        Assert.All(losses, loss => Assert.Equal(losses[0], loss, 1e-5));
        Assert.Empty(new MaskedAutoencoding(_images, s_options with { ValidationFraction = 0 }).Evaluation(model, 3));
    }

    [Theory]
    [InlineData(false, Precision.Float32)]
    [InlineData(true, Precision.Float32)]
    [InlineData(true, Precision.BFloat16)]
    public void Run_Interrupted_EndsWithTheSameWeightsAndMeasuresHeldOutImages(bool normalizes, Precision precision)
    {
        var objective = new MaskedAutoencoding(_images, s_options);
        TrainingResult Train(string output, int steps, bool resume = false)
        {
            using VitModel model = Create(s_config with { NormalizesPixels = normalizes });
            return new Trainer(Options(output, steps) with { Resume = resume, Precision = precision }).Run(model, objective, TestContext.Current.CancellationToken);
        }

        TrainingResult whole = Train("a", 17);
        Train("b", 8);
        Train("b", 17, resume: true);

        byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(_folder.File(run), "model", "model.safetensors"));
        Assert.Equal(Weights("a"), Weights("b"));
        Assert.Equal(HeldOut * 6, whole.Validation!.Targets);
        Assert.Equal(17 * 7 * 6, whole.Tokens);
        using VitModel loaded = VitModel.FromPretrained(whole.ModelFolder);
        Assert.Equal(ModelHead.MaskedAutoencoder, loaded.Head);
        using VitModel encoder = VitModel.FromPretrained(whole.ModelFolder, ModelHead.ImageClassification);
        Assert.Equal([1, 2], encoder.Forward(new() { PixelValues = zeros(1, 3, 15, 15) }).Logits.shape);
    }

    [Fact]
    public void Run_OneBatch_IsOverfitted()
    {
        using VitModel model = Create();
        var still = new ImageOptions { MinCropArea = 1, FlipProbability = 0, ValidationFraction = 0 };
        var inner = new MaskedAutoencoding(_images, still);
        using IBatchSource source = inner.Open(new(3), model, 2);
        var objective = new OneBatch(inner, Draw(source, 1)[0]);

        TrainingResult result = new Trainer(Options("fit", 400) with { CheckpointEvery = 0, EvaluateEvery = 0 }).Run(model, objective, TestContext.Current.CancellationToken);

        Assert.True(result.TrainLoss < 0.05, $"The loss is {result.TrainLoss}.");   // the pixels' variance is above 1
    }

    [Fact]
    public void Run_ALossThatIsNotFinite_NamesItsBatchesWithoutPixels()
    {
        using VitModel model = Create();
        using (no_grad()) model.parameters().First(p => p.requires_grad).fill_(double.NaN);

        NumericalException fault = Assert.Throws<NumericalException>(() => new Trainer(Options("fault", 3)).Run(model, new MaskedAutoencoding(_images, s_options), TestContext.Current.CancellationToken));

        string[] dump = Directory.GetFiles(_folder.File("fault"), "*.txt");
        Assert.Equal(["micro-batch 1 of 1: loss NaN, 7 rows of 9 patches, 42 targets"], File.ReadAllLines(Assert.Single(dump))[1..]);
        Assert.Contains("step 1", fault.Message);
    }

    [Fact]
    public void Open_WhatDoesNotFit_IsRefused()
    {
        var objective = new MaskedAutoencoding(_images, s_options);
        using var classifier = new VitModel(s_config);
        Assert.StartsWith("The model's head is ImageClassification, and masked autoencoding needs MaskedAutoencoder. Create the model with it.",
            Assert.Throws<ArgumentException>(() => objective.Open(new(3), classifier, 3)).Message);
        using VitModel model = Create();
        Assert.StartsWith("Position (99) of epoch 0 must be at least 0 and less than the 23 items.",
            Assert.Throws<ArgumentException>(() => objective.Open(new(3), model, 3, new() { ["epoch"] = 0L, ["position"] = 99L })).Message);
        Assert.Contains("leaves none for training", Assert.Throws<CorpusException>(() => new MaskedAutoencoding(_images, s_options with { ValidationFraction = 0.99 })).Message);
        Batch text = new() { Inputs = [1], Targets = [1], Rows = 1, Length = 1, ValidTargets = 1 };
        Assert.StartsWith("A batch of masked autoencoding must hold images.", Assert.Throws<ArgumentException>(() => objective.Loss(model, text, 1)).Message);
    }

    [Fact]
    public void Next_ADamagedImage_IsNamed()
    {
        string file = _folder.Write("images/0/broken.ppm", "P6 3 2 255 x");
        using VitModel model = Create();
        using IBatchSource source = new MaskedAutoencoding(ImageFolder.Open(_folder.File("images")), s_options with { ValidationFraction = 0 }).Open(new(3), model, ImageCount + 1);
        Assert.Equal(file, Assert.Throws<CorpusException>(() => source.Next(TestContext.Current.CancellationToken)).File);
    }

    private sealed class OneBatch(MaskedAutoencoding inner, Batch batch) : IObjective<VitModel>
    {
        public string Name => "one-batch";

        public JsonObject Describe() => [];

        public IBatchSource Open(RandomStreams streams, VitModel model, int batchSize, JsonObject? state = null) => new Source(batch);

        public IEnumerable<Batch> Evaluation(VitModel model, int batchSize) => [];

        public Tensor Loss(VitModel model, Batch batch, double normalizer) => inner.Loss(model, batch, normalizer);

        private sealed class Source(Batch batch) : IBatchSource
        {
            public JsonObject State => [];

            public Batch Next(CancellationToken cancellationToken) => batch;

            public void Dispose()
            {
            }
        }
    }
}

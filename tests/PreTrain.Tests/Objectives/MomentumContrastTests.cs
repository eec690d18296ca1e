using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.Data.Images;
using PreTrain.Models;
using PreTrain.Models.Vit;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Images;
using PreTrain.Tests.Models.Parity;
using PreTrain.Tests.Training;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class MomentumContrastTests : IDisposable
{
    private const int ImageCount = 29, HeldOut = 9;
    private static readonly VitConfig s_config = new() { ImageSize = 15, PatchSize = 5, LayerCount = 2, HeadCount = 3, EmbeddingDim = 24, FeedForwardDim = 37 };
    private static readonly VitMomentumConfig s_heads = new() { HiddenDim = 29, ProjectionDim = 11, Momentum = 0.9 };
    private static readonly MomentumContrastOptions s_options = new() { Images = new MomentumContrastOptions().Images with { ValidationFraction = 0.3 }, Temperature = 0.3 };

    private readonly TemporaryFolder _folder = new();
    private readonly ImageFolder _images;
    private readonly DisposeScope _scope = NewDisposeScope();

    public MomentumContrastTests() => _images = ImageFixture.Folder(_folder, ImageCount);

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    private static VitMomentumPair Create(VitMomentumConfig? heads = null, VitConfig? config = null, ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return new VitMomentumPair(config ?? s_config, heads ?? s_heads, generator);
    }

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    private TrainingOptions Options(string output, int steps) => Tiny.Options(_folder.File(output), steps) with { BatchSize = 7, CheckpointEvery = 5 };

    /// <summary>A pair and views whose numbers <c>make_moco_fixture.py</c> has too.</summary>
    private (VitMomentumPair Pair, Batch[] Batches, JsonElement Expected, Dictionary<string, string> Names) Known()
    {
        VitMomentumPair pair = Create();
        pair.SavePretrained(_folder.File("known"));
        foreach (string file in new[] { "known/model.safetensors", "known/momentum/model.safetensors", "known/momentum/heads.safetensors" })
        {
            (string Name, long[] Shape)[] tensors;
            using (SafetensorsFile read = SafetensorsFile.Open(_folder.File(file))) tensors = [.. read.Names.Select(name => (name, read.Info(name).Shape.ToArray()))];
            SafetensorsWriter.Write(_folder.File(file), tensors.Select(t => (t.Name, FamilyFixture.Weight(t.Name.Replace("momentum_", ""), t.Shape))));
        }
        pair.LoadPretrained(_folder.File("known"));
        Batch[] batches = [.. Enumerable.Range(1, 5).Select(step => new Batch
        {
            Inputs = [],
            Targets = [],
            Rows = 7,
            Length = 18,
            ValidTargets = 7,
            Images = View(step, 1),
            OtherViews = View(step, 2),
        })];
        JsonElement expected = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Objectives", "fixtures", "momentum-contrast.json"))).RootElement;
        var names = VitWeights.Table(s_config, ModelHead.None, pools: false).ToDictionary(row => "encoder." + row.Ours, row => row.Theirs);
        return (pair, batches, expected, names);

        static ImageBatch View(int step, int view) => new(Array.ConvertAll(FamilyFixture.Values($"view {step} {view}", 7 * 3 * 15 * 15), value => (float)value), 7, 3, 15, 15);
    }

    private static void AssertSummary(JsonElement expected, string name, Tensor actual, double tolerance)
    {
        double[] values = Doubles(actual), weights = FamilyFixture.Values("first " + name, values.Length);
        double norm = expected[0].GetDouble();
        Assert.Equal(norm, Math.Sqrt(values.Sum(value => value * value)), tolerance * norm);
        Assert.Equal(expected[1].GetDouble(), values.Zip(weights, (value, weight) => value * weight).Sum(), tolerance * norm);
    }

    /// <summary>Softmax does not see what a key's bias adds to all scores, nor a batch norm what the last norm's shift adds to all rows: their gradients are roundings, which AdamW makes large.</summary>
    private static bool IsWithoutEffect(JsonElement gradient) => gradient[0].GetDouble() < 1e-12;

    [Fact]
    public void Loss_GradientsOfEveryParameter_AreThoseOfPyTorch()
    {
        var (pair, batches, expected, names) = Known();
        using VitMomentumPair _ = pair;

        Tensor loss = new MomentumContrast(_images, s_options).Loss(pair, batches[0], 7);
        loss.backward();

        Assert.Equal(expected.GetProperty("losses")[0].GetDouble(), loss.item<float>(), 1e-5);
        JsonElement gradients = expected.GetProperty("gradients");
        var trained = pair.named_parameters().Where(p => p.parameter.requires_grad).ToArray();
        Assert.Equal(gradients.EnumerateObject().Count(), trained.Length);
        foreach (var (name, p) in trained)
        {
            string theirs = names.GetValueOrDefault(name, name);
            if (IsWithoutEffect(gradients.GetProperty(theirs))) Assert.True(p.grad!.abs().max().item<float>() < 1e-6);
            else AssertSummary(gradients.GetProperty(theirs), theirs, p.grad!, 2e-5);
        }
        Assert.All(pair.named_parameters().Where(p => p.name.StartsWith("momentum", StringComparison.Ordinal)), p => Assert.Null(p.parameter.grad));
    }

    [Fact]
    public void Run_FiveSteps_LosesAndFollowsAsPyTorch()
    {
        var (pair, batches, expected, names) = Known();
        using VitMomentumPair _ = pair;
        var options = Options("known run", 5) with
        {
            LearningRate = 1e-3,
            LearningRateDecay = LearningRateDecay.Constant,
            WarmupSteps = 0,
            ClipNorm = 0,
            Beta1 = 0.9,
            Beta2 = 0.95,
            Epsilon = 1e-8,
            WeightDecay = 0.1,
        };

        new Trainer(options).Run(pair, new Given(new MomentumContrast(_images, s_options), batches), TestContext.Current.CancellationToken);

        double[] losses = [.. File.ReadLines(_folder.File("known run/metrics.jsonl")).Select(line => JsonNode.Parse(line)!.AsObject()).Where(line => line.ContainsKey("loss")).Select(line => line["loss"]!.GetValue<double>())];
        Assert.Equal(5, losses.Length);
        for (int step = 0; step < 5; step++) Assert.Equal(expected.GetProperty("losses")[step].GetDouble(), losses[step], 1e-3);
        JsonElement momentum = expected.GetProperty("momentum");
        foreach (var (name, p) in pair.named_parameters().Where(p => p.name.StartsWith("momentum_", StringComparison.Ordinal)))
        {
            string ours = name["momentum_".Length..], theirs = names.GetValueOrDefault(ours, ours);
            if (!expected.GetProperty("gradients").TryGetProperty(theirs, out JsonElement gradient) || !IsWithoutEffect(gradient)) AssertSummary(momentum.GetProperty(theirs), theirs, p, 2e-4);
        }
        Assert.Equal(["encoder.layer.0.attention.attention.key.bias", "encoder.layer.1.attention.attention.key.bias", "layernorm.bias"],
            expected.GetProperty("gradients").EnumerateObject().Where(gradient => IsWithoutEffect(gradient.Value)).Select(gradient => gradient.Name).Order(StringComparer.Ordinal));
        // All steps together moved the weights by more than the tolerance.
        var first = FamilyFixture.Weight("projection.maps.0.weight", [29, 24]);
        Assert.True((pair.momentum_projection.maps[0].weight - first).norm().item<float>() > 1e-3 * first.norm().item<float>());
    }

    [Fact]
    public void Create_AMomentumEncoder_BeginsAsTheEncoderAndIsNotTrained()
    {
        using VitMomentumPair pair = Create();
        var own = pair.named_parameters().ToDictionary(p => p.name, p => p.parameter);

        Assert.All(own.Where(p => p.Key.StartsWith("momentum_", StringComparison.Ordinal)), p =>
        {
            Assert.False(p.Value.requires_grad);
            Assert.Equal(Doubles(own[p.Key["momentum_".Length..]]), Doubles(p.Value));
        });
        Assert.Equal(["encoder.patch_map.bias", "encoder.patch_map.weight", "encoder.position_embedding"],
            own.Where(p => !p.Value.requires_grad && !p.Key.StartsWith("momentum_", StringComparison.Ordinal)).Select(p => p.Key).Order(StringComparer.Ordinal));
        Assert.DoesNotContain("momentum_encoder.patch_map.weight", pair.Followed.Keys);
        using VitMomentumPair all = Create(s_heads with { TrainsPatchMap = true });
        Assert.True(all.encoder.patch_map.weight.requires_grad);
        Assert.Equal("encoder.patch_map.weight", all.Followed["momentum_encoder.patch_map.weight"]);
        Assert.Equal([0.9, 0.95, 1], new[] { 0, 5, 10 }.Select(step => Math.Round(pair.MomentumAt(step, 10), 12)));
    }

    [Fact]
    public void Next_TwoViewsOfEachImage_DifferAndResume()
    {
        using VitMomentumPair pair = Create();
        var objective = new MomentumContrast(_images, s_options);
        using IBatchSource whole = objective.Open(new(3), pair, 5);
        Batch[] expected = Draw(whole, 11);
        Assert.Equal((5, 18, 5L), (expected[0].Rows, expected[0].Length, expected[0].ValidTargets));
        Assert.Equal([5, 3, 15, 15], expected[0].OtherViews!.Shape);
        Assert.NotEqual(expected[0].Images!.Pixels, expected[0].OtherViews!.Pixels);
        for (int stop = 0; stop < 11; stop += 4)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), pair, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), pair, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Batch[] actual = Draw(second, 11 - stop);
            Assert.Equal(expected[stop..].Select(batch => batch.Images!.Pixels), actual.Select(batch => batch.Images!.Pixels));
            Assert.Equal(expected[stop..].Select(batch => batch.OtherViews!.Pixels), actual.Select(batch => batch.OtherViews!.Pixels));
        }
    }

    [Fact]
    public void Next_ViewsThatChangeNothing_AreTheSameImage()
    {
        using VitMomentumPair pair = Create();
        var still = new ImageOptions { MinCropArea = 1, FlipProbability = 0 };
        using IBatchSource source = new MomentumContrast(_images, new() { Images = still, OtherBlurProbability = 0, OtherSolarizeProbability = 0 }).Open(new(3), pair, 5);
        Batch same = Draw(source, 1)[0];
        Assert.Equal(same.Images!.Pixels, same.OtherViews!.Pixels);
        using IBatchSource inverted = new MomentumContrast(_images, new() { Images = still, OtherBlurProbability = 0, OtherSolarizeProbability = 1 }).Open(new(3), pair, 5);
        Batch other = Draw(inverted, 1)[0];
        Assert.Equal(same.Images.Pixels, other.Images!.Pixels);
        Assert.NotEqual(same.Images.Pixels, other.OtherViews!.Pixels);
    }

    [Fact]
    public void Evaluation_HeldOutImages_AreComparedInWholeBatches()
    {
        using VitMomentumPair pair = Create();
        var objective = new MomentumContrast(_images, s_options);

        Assert.Equal([4, 4], objective.Evaluation(pair, 4).Select(batch => batch.Rows));
        Batch all = Assert.Single(objective.Evaluation(pair, 23));
        Assert.Equal(HeldOut, all.Rows);
        Assert.NotEqual(all.Images!.Pixels, all.OtherViews!.Pixels);
        Assert.Equal(all.OtherViews.Pixels, Assert.Single(objective.Evaluation(pair, 23)).OtherViews!.Pixels);
        Assert.Empty(new MomentumContrast(_images, s_options with { Images = s_options.Images with { ValidationFraction = 0.03 } }).Evaluation(pair, 4));
    }

    [Theory]
    [InlineData(Precision.Float32, 1)]
    [InlineData(Precision.Float32, 2)]
    [InlineData(Precision.BFloat16, 1)]
    public void Run_CrashedThenResumed_EndsBitForBitAsTheUninterrupted(Precision precision, int accumulation)
    {
        var objective = new MomentumContrast(_images, s_options);
        TrainingOptions Named(string name) => Options(name, 12) with { Precision = precision, AccumulationSteps = accumulation };
        TrainingResult Train(TrainingOptions options, ulong seed = 3)
        {
            using VitMomentumPair pair = Create(config: s_config with { Dropout = 0.1, DropPath = 0.2 }, seed: seed);
            return new Trainer(options).Run(pair, objective, TestContext.Current.CancellationToken);
        }

        TrainingResult whole = Train(Named("a"));
        var dies = new Tiny.AfterStep((_, step) => { if (step.Step == 8) throw new TimeoutException("killed"); });
        Assert.Throws<TimeoutException>(() => Train(Named("b") with { Callbacks = [dies] }));
        Train(Named("b") with { Resume = true }, seed: 5);

        foreach (string file in new[] { "metrics.jsonl", "model/model.safetensors", "model/momentum/model.safetensors", "model/momentum/heads.safetensors", "checkpoints/step-000012/optimizer.safetensors" })
            Assert.True(File.ReadAllBytes(_folder.File("a/" + file)).AsSpan().SequenceEqual(File.ReadAllBytes(_folder.File("b/" + file))), file);
        Assert.Equal(7, whole.Validation!.Targets);
        Assert.InRange(whole.Validation.Accuracy!.Value, 0, 1);
        Assert.Equal(12 * 7 * accumulation, whole.Tokens);
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_TheMomentumEncoder_FollowsIn32Bits(Precision precision)
    {
        using VitMomentumPair pair = Create(s_heads with { Momentum = 0.999 });
        double[] expected = Doubles(pair.momentum_encoder.class_token);
        int steps = 0;
        var follow = new Tiny.AfterStep((run, step) =>
        {
            run.SaveCheckpoint();
            using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(run.Output, "checkpoints", $"step-{step.Step:D6}", "model", "model.safetensors"));
            double[] leader = Doubles(file.Read("embeddings.cls_token").flatten());
            double m = pair.MomentumAt(step.Step, 6);
            for (int i = 0; i < expected.Length; i++) expected[i] = m * expected[i] + (1 - m) * leader[i];
            steps++;
        });

        new Trainer(Options("follow", 6) with { Precision = precision, Callbacks = [follow] }).Run(pair, new MomentumContrast(_images, s_options), TestContext.Current.CancellationToken);

        Assert.Equal(6, steps);
        AssertClose(expected, Doubles(pair.momentum_encoder.class_token), expected.Length, 6 * 2 * Float32Rounding, "class token");
        Assert.NotEqual(Doubles(pair.encoder.class_token), Doubles(pair.momentum_encoder.class_token));
    }

    [Fact]
    public void Run_OneBatch_IsOverfitted()
    {
        using VitMomentumPair pair = Create();
        var objective = new MomentumContrast(_images, s_options);
        using IBatchSource source = objective.Open(new(3), pair, 7);
        var given = new Given(objective, Draw(source, 1));

        TrainingResult result = new Trainer(Options("fit", 150) with { CheckpointEvery = 0, EvaluateEvery = 0 }).Run(pair, given, TestContext.Current.CancellationToken);

        // The keys of seven images cannot be farther from each other than the corners of a simplex.
        double best = 2 * 2 * 0.3 * Math.Log(1 + 6 * Math.Exp((-1 / 6.0 - 1) / 0.3));
        Assert.InRange(result.TrainLoss, 0, best + 0.2);
        Assert.True(2 * 2 * 0.3 * Math.Log(7) > best + 1);
    }

    [Fact]
    public void Run_TheSavedFolder_IsAnOrdinaryVit()
    {
        using VitMomentumPair pair = Create();
        TrainingResult result = new Trainer(Options("run", 2)).Run(pair, new MomentumContrast(_images, s_options), TestContext.Current.CancellationToken);

        using (SafetensorsFile file = SafetensorsFile.Open(Path.Combine(result.ModelFolder, "model.safetensors")))
            Assert.DoesNotContain(file.Names, name => name.Contains("pooler") || name.Contains("projection.maps"));
        using var model = (VitModel)AutoModel.FromPretrained(result.ModelFolder);
        using VitModel classifier = VitModel.FromPretrained(result.ModelFolder, ModelHead.ImageClassification), momentum = VitModel.FromPretrained(Path.Combine(result.ModelFolder, "momentum"));
        Tensor pixels = Normal([2, 3, 15, 15], 5);
        Assert.Equal(ModelHead.None, model.Head);
        Assert.Equal(Doubles(pair.Encoder.Forward(new() { PixelValues = pixels }).Logits), Doubles(model.Forward(new() { PixelValues = pixels }).Logits));
        Assert.Equal(Doubles(pair.MomentumEncoder.Forward(new() { PixelValues = pixels }).Logits), Doubles(momentum.Forward(new() { PixelValues = pixels }).Logits));
        Assert.Equal([2, 2], classifier.Forward(new() { PixelValues = pixels }).Logits.shape);
    }

    [Fact]
    public void Run_ManySteps_LeavesNoTensor()
    {
        using VitMomentumPair pair = Create();
        long before = 0;
        var count = new Tiny.AfterStep((_, step) =>
        {
            if (step.Step == 5) before = LiveTensors.Count();
            if (step.Step == 25) Assert.Equal(before, LiveTensors.Count());
        });
        new Trainer(Options("live", 25) with { CheckpointEvery = 0, EvaluateEvery = 0, Callbacks = [count] }).Run(pair, new MomentumContrast(_images, s_options), TestContext.Current.CancellationToken);
        Assert.NotEqual(0, before);
    }

    [Fact]
    public void Loss_ABatchOfEqualImages_IsFinite()
    {
        using VitMomentumPair pair = Create();
        var flat = new ImageBatch(new float[3 * 3 * 15 * 15], 3, 3, 15, 15);
        var batch = new Batch { Inputs = [], Targets = [], Rows = 3, Length = 18, ValidTargets = 3, Images = flat, OtherViews = flat };

        Tensor loss = new MomentumContrast(_images, s_options).Loss(pair, batch, 3);
        loss.backward();

        Assert.True(double.IsFinite(loss.item<float>()));
        Assert.All(pair.parameters().Where(p => p.requires_grad), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Open_WhatDoesNotFit_IsRefused()
    {
        using VitMomentumPair pair = Create();
        var objective = new MomentumContrast(_images, s_options);
        Assert.False(objective.CanSplit);
        Assert.StartsWith("A batch of 1 image has none to compare with; it must have at least 2.", Assert.Throws<ArgumentException>(() => objective.Open(new(3), pair, 1)).Message);
        Assert.StartsWith("MicroBatchSize (3) would cut batches of 7 rows, and the objective 'momentum-contrast' compares rows with each other.",
            Assert.Throws<ArgumentException>(() => new Trainer(Options("cut", 2) with { MicroBatchSize = 3 }).Run(pair, objective, TestContext.Current.CancellationToken)).Message);
        Assert.False(Directory.Exists(_folder.File("cut")));
        Batch single = new() { Inputs = [], Targets = [], Rows = 1, Length = 1, ValidTargets = 1, Images = new(new float[675], 1, 3, 15, 15) };
        Assert.StartsWith("A batch of momentum contrast must hold two views of each image.", Assert.Throws<ArgumentException>(() => objective.Loss(pair, single, 1)).Message);
        Assert.Equal($"OtherBlurProbability (2) must be from 0 to 1.{Environment.NewLine}OtherSolarizeProbability (-1) must be from 0 to 1.{Environment.NewLine}Temperature (0) must be positive.",
            Assert.Throws<ArgumentException>(() => new MomentumContrast(_images, new() { OtherBlurProbability = 2, OtherSolarizeProbability = -1, Temperature = 0 })).Message);
        Assert.Equal("EmbeddingDim (27) must be divisible by 4 in contrastive pre-training, for positions of rows and columns. HiddenDim (0) must be positive. Momentum (1.5) must be from 0 to 1.",
            Assert.Throws<ArgumentException>(() => Create(new() { HiddenDim = 0, Momentum = 1.5 }, s_config with { EmbeddingDim = 27 })).Message);
    }

    /// <summary>The same batches again and again.</summary>
    private sealed class Given(MomentumContrast inner, Batch[] batches) : IObjective<VitMomentumPair>
    {
        public string Name => "given";

        public bool CanSplit => false;

        public JsonObject Describe() => [];

        public IBatchSource Open(RandomStreams streams, VitMomentumPair model, int batchSize, JsonObject? state = null) => new Source(batches);

        public IEnumerable<Batch> Evaluation(VitMomentumPair model, int batchSize) => [];

        public Tensor Loss(VitMomentumPair model, Batch batch, double normalizer) => inner.Loss(model, batch, normalizer);

        private sealed class Source(Batch[] batches) : IBatchSource
        {
            private int _next;

            public JsonObject State => [];

            public Batch Next(CancellationToken cancellationToken) => batches[_next++ % batches.Length];

            public void Dispose()
            {
            }
        }
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class SequenceDenoisingTests : IDisposable
{
    private static readonly PipelineTokenizer s_unigram = MaskingFixture.Unigram, s_bpe = MaskingFixture.Bpe;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _unigram, _bpe;
    private readonly DisposeScope _scope = NewDisposeScope();

    public SequenceDenoisingTests()
    {
        _unigram = MaskingFixture.Store(s_unigram, _folder.File("unigram"));
        _bpe = MaskingFixture.Store(s_bpe, _folder.File("bpe"));
    }

    public void Dispose()
    {
        _scope.Dispose();
        _unigram.Dispose();
        _bpe.Dispose();
        _folder.Dispose();
    }

    private static T5Model T5(ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return new T5Model(new T5Config { VocabSize = s_unigram.VocabSize, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, HeadDim = 16, FeedForwardDim = 48, Dropout = 0.1 }, generator: generator);
    }

    private static BartModel Bart(ulong seed = 3)
    {
        using var generator = new Generator(seed);
        return new BartModel(new BartConfig { VocabSize = s_bpe.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 2, DecoderHeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, DecoderFeedForwardDim = 48, PaddingId = 1, EndId = 3, DecoderStartId = 3 }, generator: generator);
    }

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    [Fact]
    public void Next_SpanCorruption_HasTheFormatOfT5()
    {
        using T5Model model = T5();
        using IBatchSource source = new SequenceDenoising(_unigram, s_unigram, new SpanCorruption(s_unigram), new() { ContextLength = 41 }).Open(new(3), model, 5);
        long end = s_unigram.TokenToId("</s>")!.Value, first = s_unigram.TokenToId("<extra_id_0>")!.Value;
        foreach (Batch batch in Draw(source, 10))
        {
            Assert.Equal((5, 41), (batch.Rows, batch.Length));
            Assert.Equal(batch.Targets.Length, batch.ValidTargets);   // all rows lose as many tokens
            for (int row = 0; row < 5; row++)
            {
                long[] target = batch.Targets[(row * batch.TargetLength)..((row + 1) * batch.TargetLength)];
                Assert.Equal((first, end), (target[0], target[^1]));
                Assert.Equal(first + 2, target[^2]);   // 7 of 45 tokens in 2 spans, and the final sentinel
                Assert.Equal(end, batch.Inputs[(row + 1) * 41 - 1]);
            }
        }
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatch()
    {
        using BartModel model = Bart();
        var objective = new SequenceDenoising(_bpe, s_bpe, new Denoising(s_bpe));
        using IBatchSource whole = objective.Open(new(3), model, 5);
        Batch[] expected = Draw(whole, 40);
        for (int stop = 0; stop < 40; stop += 17)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), model, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Assert.Equal(expected[stop..].Select(batch => batch.Inputs), Draw(second, 40 - stop).Select(batch => batch.Inputs));
        }
    }

    [Fact]
    public void Loss_OfABatch_IsTheModels()
    {
        using BartModel model = Bart();
        model.eval();
        var objective = new SequenceDenoising(_bpe, s_bpe, new PrefixSplit(), new() { ValidationFraction = 0.2 });
        Batch batch = objective.Evaluation(model, 7).First();   // prefixes of several lengths
        Assert.NotNull(batch.AttentionMask);

        float loss = objective.Loss(model, batch, 100).item<float>();

        Tensor Rows(long[] values) => tensor(values, [batch.Rows, values.Length / batch.Rows]);
        Assert.Equal(model.Loss(new() { Ids = Rows(batch.Inputs), AttentionMask = Rows(batch.AttentionMask) }, Rows(batch.Targets), 100).item<float>(), loss);
        Assert.Equal(batch.ValidTargets, batch.Targets.Count(target => target != CrossEntropy.Ignored));
    }

    [Theory]
    [InlineData("t5", 1)]
    [InlineData("t5", 3)]
    [InlineData("bart", 1)]
    [InlineData("bart", 2)]
    public void Run_AMixture_LearnsAndResumesBitForBit(string family, int parts)
    {
        IObjective<ISequenceToSequenceModel> objective = (family, parts) switch
        {
            ("t5", 1) => new SequenceDenoising(_unigram, s_unigram, new SpanCorruption(s_unigram), new() { ContextLength = 41 }),
            ("t5", _) => new ObjectiveMixture<ISequenceToSequenceModel>(
                (0.5, new SequenceDenoising(_unigram, s_unigram, new SpanCorruption(s_unigram), new() { ContextLength = 41 })),
                (0.25, new SequenceDenoising(_unigram, s_unigram, new SpanCorruption(s_unigram, new() { Rate = 0.5, MeanSpanLength = 8 }), new() { ContextLength = 29 })),
                (0.25, new SequenceDenoising(_unigram, s_unigram, new PrefixSplit(), new() { ContextLength = 31 }))),
            ("bart", 1) => new SequenceDenoising(_bpe, s_bpe, new Denoising(s_bpe)),
            _ => new ObjectiveMixture<ISequenceToSequenceModel>((0.7, new SequenceDenoising(_bpe, s_bpe, new Denoising(s_bpe))), (0.3, new SequenceDenoising(_bpe, s_bpe, new PrefixSplit()))),
        };
        TrainingResult Train(string output, int steps, bool resume = false)
        {
            var options = new TrainingOptions { Output = _folder.File(output), Steps = steps, BatchSize = 4, AccumulationSteps = 2, LearningRate = 5e-3, WarmupSteps = 2, Seed = 17, CheckpointEvery = 11, Resume = resume, MinimumLearningRate = 5e-3 };
            if (family == "t5")
            {
                using T5Model t5 = T5();
                return new Trainer(options).Run(t5, objective, TestContext.Current.CancellationToken);
            }
            using BartModel bart = Bart();
            return new Trainer(options).Run(bart, objective, TestContext.Current.CancellationToken);
        }

        TrainingResult whole = Train("a", 30);
        Train("b", 17);
        Train("b", 30, resume: true);

        byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(_folder.File(run), "model", "model.safetensors"));
        Assert.Equal(Weights("a"), Weights("b"));
        Assert.True(whole.TrainLoss < Math.Log(140) - 0.5, $"The loss is {whole.TrainLoss}.");
    }

    [Fact]
    public void Mixture_Batches_ComeInTheAskedSharesAndOfTheirPart()
    {
        using T5Model model = T5();
        var objective = new ObjectiveMixture<ISequenceToSequenceModel>(
            (0.75, new SequenceDenoising(_unigram, s_unigram, new SpanCorruption(s_unigram), new() { ContextLength = 41 })),
            (0.25, new SequenceDenoising(_unigram, s_unigram, new PrefixSplit(), new() { ContextLength = 31 })));
        using IBatchSource source = objective.Open(new(3), model, 2);

        Batch[] batches = Draw(source, 400), held = [.. objective.Evaluation(model, 2)];

        Assert.All(batches, batch => Assert.True(batch.Part == 0 ? batch.Length == 41 : batch.Length <= 31));
        Assert.InRange(batches.Count(batch => batch.Part == 0), 260, 340);   // 300, give or take four standard deviations
        Assert.Equal([0, 1, 0, 1], held.Take(4).Select(batch => batch.Part));
    }

    [Fact]
    public void Mixture_PartsThatDoNotFit_Throws()
    {
        using T5Model model = T5();
        var part = new SequenceDenoising(_unigram, s_unigram, new PrefixSplit());
        Assert.Equal("The weights (0.5, 0.4) must sum to 1, not to 0.9. (Parameter 'parts')", Assert.Throws<ArgumentException>(() => new ObjectiveMixture<ISequenceToSequenceModel>((0.5, part), (0.4, part))).Message);
        Assert.Equal("The weight of prefix-lm (0) must be more than 0 and at most 1. (Parameter 'parts')", Assert.Throws<ArgumentException>(() => new ObjectiveMixture<ISequenceToSequenceModel>((0, part), (1, part))).Message);
        Assert.Throws<ArgumentException>(() => new ObjectiveMixture<ISequenceToSequenceModel>());
        var one = new ObjectiveMixture<ISequenceToSequenceModel>((1, part));
        Assert.Throws<ArgumentException>(() => new ObjectiveMixture<ISequenceToSequenceModel>((1, one)));
        Assert.Equal("""The data position {"batch":0} must hold the whole number batch and the positions of 1 parts. (Parameter 'state')""",
            Assert.Throws<ArgumentException>(() => one.Open(new(3), model, 2, new JsonObject { ["batch"] = 0L })).Message);
    }

    [Fact]
    public void Constructor_InputsThatDoNotFit_Throws()
    {
        Assert.Contains("was made by another tokenizer", Assert.Throws<ArgumentException>(() => new SequenceDenoising(_unigram, s_bpe, new PrefixSplit())).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SequenceDenoising(_unigram, s_unigram, new PrefixSplit(), new() { ValidationFraction = -1 }));
    }
}

using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Electra;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Tests.Data;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(Training.DefaultGenerator.Name)]
public sealed class ReplacedTokenDetectionTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly ElectraConfig s_config = new() { VocabSize = s_tokenizer.VocabSize, ContextLength = 37, LayerCount = 1, HeadCount = 4, EmbeddingDim = 64, TokenEmbeddingDim = 32, FeedForwardDim = 96, Dropout = 0, AttentionDropout = 0 };

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly DisposeScope _scope = NewDisposeScope();

    public ReplacedTokenDetectionTests() => _tokens = MaskingFixture.Store(s_tokenizer, _folder.File("tokens"));

    public void Dispose()
    {
        _scope.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    private static ElectraPair Create(ulong seed = 3)
    {
        using var random = new Generator(seed);
        return new ElectraPair(s_config, random: random);
    }

    [Fact]
    public void Fill_HiddenTokens_AreSampledFromTheScores()
    {
        const int rows = 3000;
        double[] probabilities = [0.5, 0.3, 0.15, 0.05];
        Tensor ids = full([rows, 2], 9, dtype: ScalarType.Int64), targets = full([rows, 2], CrossEntropy.Ignored, dtype: ScalarType.Int64);
        targets[.., 1] = 2;
        Tensor scores = tensor(probabilities).log().to(ScalarType.Float32).expand(rows, 4).contiguous();

        var (filled, replaced) = ReplacedTokenDetection.Fill(ids, targets, scores, seed: 5);

        long[] samples = filled[.., 1].contiguous().data<long>().ToArray();
        for (int id = 0; id < 4; id++)
            Assert.Equal(probabilities[id], samples.Count(sample => sample == id) / (double)rows, 5 * Math.Sqrt(probabilities[id] * (1 - probabilities[id]) / rows));
        Assert.Equal(samples.Select(sample => sample == 2 ? 0f : 1f), replaced[.., 1].contiguous().data<float>().ToArray());   // a right guess is not replaced
        Assert.True(filled[.., 0].eq(9).all().item<bool>() && replaced[.., 0].eq(0).all().item<bool>());
        Assert.True(ReplacedTokenDetection.Fill(ids, targets, scores, 5).Filled.eq(filled).all().item<bool>());
        Assert.False(ReplacedTokenDetection.Fill(ids, targets, scores, 6).Filled.eq(filled).all().item<bool>());
    }

    [Fact]
    public void Loss_OfABatch_IsTheWeightedSumOfBoth()
    {
        using ElectraPair model = Create();
        model.eval();
        var objective = new ReplacedTokenDetection(_tokens, s_tokenizer, new() { DiscriminatorWeight = 7, ValidationFraction = 0.3 });
        Batch batch = objective.Evaluation(model, 1000).Single();   // the last row is shorter
        Assert.NotNull(batch.AttentionMask);

        double loss = objective.Loss(model, batch, batch.ValidTargets).item<float>();

        Tensor Rows(long[] values) => tensor(values, [batch.Rows, batch.Length]);
        Tensor targets = Rows(batch.Targets);
        var input = new ModelInput { Ids = Rows(batch.Inputs), AttentionMask = Rows(batch.AttentionMask) };
        var (filled, replaced) = ReplacedTokenDetection.Fill(input.Ids, targets, model.Generator.Scores(input, targets), batch.Seed);
        double[] logits = [.. model.Discriminator.Forward(input with { Ids = filled }).Logits.contiguous().data<float>().ToArray().Select(x => (double)x)];
        float[] isReplaced = replaced.contiguous().data<float>().ToArray();
        double sum = 0, count = batch.AttentionMask.Sum();
        for (int i = 0; i < logits.Length; i++)
            if (batch.AttentionMask[i] == 1) sum += Math.Log(1 + Math.Exp(isReplaced[i] == 1 ? -logits[i] : logits[i]));
        double generator = model.Generator.Loss(input, targets, batch.ValidTargets).item<float>();
        Assert.Equal(generator + 7 * sum / count, loss, 1e-4);
        Assert.Equal(loss / 3, objective.Loss(model, batch, batch.ValidTargets * 3).item<float>(), 1e-4);
        Assert.InRange(isReplaced.Sum(), batch.ValidTargets * 0.8, batch.ValidTargets);   // an untrained generator guesses wrong
    }

    [Fact]
    public void Loss_Gradients_DoNotReachTheGeneratorThroughTheDiscriminator()
    {
        using ElectraPair model = Create();
        Batch batch = new ReplacedTokenDetection(_tokens, s_tokenizer, new() { ValidationFraction = 0.3 }).Evaluation(model, 5).First();
        double[] Gradient(double weight)
        {
            model.zero_grad();
            new ReplacedTokenDetection(_tokens, s_tokenizer, new() { DiscriminatorWeight = weight, ValidationFraction = 0.3 }).Loss(model, batch, batch.ValidTargets).backward();
            return [.. model.Generator.prediction!.transform.weight.grad!.contiguous().data<float>().ToArray().Select(x => (double)x)];
        }

        Assert.Equal(Gradient(1), Gradient(50));
    }

    [Theory]
    [InlineData(Precision.Float32)]
    [InlineData(Precision.BFloat16)]
    public void Run_APair_LearnsSharesEmbeddingsAndResumesBitForBit(Precision precision)
    {
        var objective = new ReplacedTokenDetection(_tokens, s_tokenizer);
        TrainingResult Train(string output, int steps, bool resume = false)
        {
            using ElectraPair model = Create(resume ? 5UL : 3UL);
            var options = new TrainingOptions { Output = _folder.File(output), Steps = steps, BatchSize = 8, LearningRate = 5e-3, LearningRateDecay = LearningRateDecay.Constant, WarmupSteps = 2, Seed = 17, CheckpointEvery = 11, Resume = resume, Precision = precision };
            TrainingResult result = new Trainer(options).Run(model, objective, TestContext.Current.CancellationToken);
            Assert.Equal(model.Generator.encoder.token_embedding.data<float>().ToArray(), model.Discriminator.encoder.token_embedding.data<float>().ToArray());
            return result;
        }

        TrainingResult whole = Train("a", 30);
        Train("b", 17);
        Train("b", 30, resume: true);

        byte[] Weights(string run, string part) => File.ReadAllBytes(Path.Combine(_folder.File(run), "model", part, "model.safetensors"));
        Assert.Equal(Weights("a", ""), Weights("b", ""));
        Assert.Equal(Weights("a", "generator"), Weights("b", "generator"));
        using ElectraModel discriminator = ElectraModel.FromPretrained(whole.ModelFolder), generator = ElectraModel.FromPretrained(Path.Combine(whole.ModelFolder, "generator"));
        Assert.Equal((ModelHead.ReplacedTokenDetection, ModelHead.MaskedLanguageModel), (discriminator.Head, generator.Head));
        Assert.Equal(discriminator.encoder.token_embedding.data<float>().ToArray(), generator.encoder.token_embedding.data<float>().ToArray());
        Assert.True(whole.TrainLoss < Math.Log(s_tokenizer.VocabSize) + 50 * Math.Log(2) - 5, $"The loss is {whole.TrainLoss}.");
    }

    [Fact]
    public void Parameters_OfAPair_AreCountedOnce()
    {
        using ElectraPair model = Create();
        long shared = s_config.VocabSize * 32 + 37 * 32 + 2 * 32 + 2 * 32;
        using var generator = new ElectraModel(model.Generator.Config);
        using var discriminator = new ElectraModel(s_config, ModelHead.ReplacedTokenDetection);
        using var parameters = new FlatParameters(model, Precision.Float32);

        Assert.Equal(generator.parameters().Sum(p => p.numel()) + discriminator.parameters().Sum(p => p.numel()) - shared, parameters.Count);
    }

    [Fact]
    public void Constructor_InputsThatDoNotFit_Throws()
    {
        Assert.Equal("TokenDim of the generator (16) must be that of the discriminator (32), since they share embeddings. (Parameter 'generatorConfig')",
            Assert.Throws<ArgumentException>(() => new ElectraPair(s_config, ElectraPresets.GeneratorOf(s_config) with { TokenEmbeddingDim = 16 })).Message);
        Assert.Equal("DiscriminatorWeight (0) must be positive.", Assert.Throws<ArgumentException>(() => new ReplacedTokenDetection(_tokens, s_tokenizer, new() { DiscriminatorWeight = 0 })).Message);
        Assert.Contains("was made by another tokenizer", Assert.Throws<ArgumentException>(() => new ReplacedTokenDetection(_tokens, MaskingFixture.Bpe)).Message);
    }
}

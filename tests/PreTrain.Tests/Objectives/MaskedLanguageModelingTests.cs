using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Electra;
using PreTrain.Models.Ernie;
using PreTrain.Models.ModernBert;
using PreTrain.Models.Roberta;
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
public sealed class MaskedLanguageModelingTests : IDisposable
{
    private const int ContextLength = 37;
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;

    private readonly TemporaryFolder _folder = new();
    private readonly TokenStore _tokens;
    private readonly DisposeScope _scope = NewDisposeScope();

    public MaskedLanguageModelingTests() => _tokens = MaskingFixture.Store(s_tokenizer, _folder.File("tokens"));

    public void Dispose()
    {
        _scope.Dispose();
        _tokens.Dispose();
        _folder.Dispose();
    }

    internal static nn.Module Create(string family, ulong seed = 3)
    {
        using var generator = new Generator(seed);
        int vocabulary = s_tokenizer.VocabSize;
        return family switch
        {
            "bert" => new BertModel(new BertConfig { VocabSize = vocabulary, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 }, generator: generator),
            "roberta" => new RobertaModel(new RobertaConfig { VocabSize = vocabulary, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 }, generator: generator),
            "ernie" => new ErnieModel(new ErnieConfig { VocabSize = vocabulary, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 }, generator: generator),
            "electra" => new ElectraModel(new ElectraConfig { VocabSize = vocabulary, ContextLength = ContextLength, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, TokenEmbeddingDim = 16, FeedForwardDim = 48 }, generator: generator),
            _ => new ModernBertModel(new ModernBertConfig { VocabSize = vocabulary, PaddingId = 0, ContextLength = ContextLength, LayerCount = 2, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48, LocalWindow = 8 }, generator: generator),
        };
    }

    private static Batch[] Draw(IBatchSource source, int count) => [.. Enumerable.Range(0, count).Select(_ => source.Next(TestContext.Current.CancellationToken))];

    [Fact]
    public void Next_Rows_AreTheStoresTokensBetweenTheirFrame()
    {
        using var model = (BertModel)Create("bert");
        using IBatchSource source = new MaskedLanguageModeling(_tokens, s_tokenizer).Open(new(3), model, 5);
        long[] all = new long[_tokens.Split(0.05).Train.Count];
        _tokens.Read(0, all);
        foreach (Batch batch in Draw(source, 10))
        {
            Assert.Equal((5, ContextLength, ContextLength), (batch.Rows, batch.Length, batch.TargetLength));
            Assert.Null(batch.AttentionMask);
            Assert.Equal(batch.ValidTargets, batch.Targets.Count(target => target != CrossEntropy.Ignored));
            for (int row = 0; row < 5; row++)
            {
                long[] restored = [.. Enumerable.Range(row * ContextLength, ContextLength).Select(i => batch.Targets[i] == CrossEntropy.Ignored ? batch.Inputs[i] : batch.Targets[i])];
                Assert.Equal((s_tokenizer.SpecialTokens.Classification, s_tokenizer.SpecialTokens.Separator), ((int?)restored[0], (int?)restored[^1]));
                Assert.True(all.AsSpan().IndexOf(restored[1..^1]) >= 0, "The row is no window of the store.");
            }
        }
    }

    [Fact]
    public void State_OfAnySource_ResumesWithTheNextBatchAndItsMasks()
    {
        using var model = (BertModel)Create("bert");
        var objective = new MaskedLanguageModeling(_tokens, s_tokenizer);
        long count = _tokens.Split(0.05).Train.Count / (ContextLength - 2);
        using IBatchSource whole = objective.Open(new(3), model, 5);
        Batch[] expected = Draw(whole, 60);
        Assert.True(60 * 5 > count, "There is one epoch only.");
        for (int stop = 0; stop < 60; stop += 13)
        {
            JsonObject state;
            using (IBatchSource first = objective.Open(new(3), model, 5))
            {
                Draw(first, stop);
                state = first.State;
            }
            using IBatchSource second = objective.Open(new(3), model, 5, JsonNode.Parse(state.ToJsonString())!.AsObject());
            Batch[] actual = Draw(second, 60 - stop);
            Assert.Equal(expected[stop..].Select(batch => batch.Inputs), actual.Select(batch => batch.Inputs));
            Assert.Equal(expected[stop..].Select(batch => batch.Targets), actual.Select(batch => batch.Targets));
        }
        using IBatchSource other = objective.Open(new(5), model, 5);
        Assert.NotEqual(expected[0].Inputs, Draw(other, 1)[0].Inputs);
    }

    [Fact]
    public void Next_TheSameTextAgain_IsMaskedInAnotherWay()
    {
        using var model = (BertModel)Create("bert");
        using IBatchSource source = new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ValidationFraction = 0 }).Open(new(3), model, 1);
        var seen = new Dictionary<string, string>();
        int again = 0, other = 0;
        foreach (Batch batch in Draw(source, 4000))
        {
            string text = string.Join(' ', batch.Inputs.Zip(batch.Targets, (input, target) => target == CrossEntropy.Ignored ? input : target)), targets = string.Join(' ', batch.Targets);
            if (seen.TryGetValue(text, out string? before)) (again, other) = (again + 1, other + (before == targets ? 0 : 1));
            seen[text] = targets;
        }
        Assert.True(again > 20 && other > again * 0.9, $"{again} rows came again, {other} with another mask.");
    }

    [Fact]
    public void Evaluation_HeldOutRows_AreAlwaysTheSame()
    {
        using var model = (BertModel)Create("bert");
        var objective = new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ValidationFraction = 0.1 });
        TokenRange validation = _tokens.Split(0.1).Validation;

        Batch[] batches = [.. objective.Evaluation(model, 3)], again = [.. objective.Evaluation(model, 5)];

        Assert.Equal(validation.Count, batches.Sum(batch => (batch.AttentionMask?.Sum() ?? batch.Inputs.Length) - 2 * batch.Rows));
        Assert.Equal(batches.SelectMany(batch => batch.Targets).Where(target => target >= 0), again.SelectMany(batch => batch.Targets).Where(target => target >= 0));
    }

    [Theory]
    [InlineData("bert")]
    [InlineData("roberta")]
    [InlineData("ernie")]
    [InlineData("electra")]
    [InlineData("modernbert")]
    public void Run_EveryFamily_LearnsAndResumesBitForBit(string family)
    {
        var objective = new MaskedLanguageModeling(_tokens, s_tokenizer, new() { Masking = new() { Unit = MaskingUnit.WholeWord } });
        TrainingResult Train(string output, int steps, bool resume = false)
        {
            var options = new TrainingOptions
            {
                Output = _folder.File(output),
                Steps = steps,
                BatchSize = 8,
                LearningRate = 5e-3,
                LearningRateDecay = LearningRateDecay.Constant,
                WarmupSteps = 2,
                Seed = 17,
                CheckpointEvery = 11,
                LogEvery = 1,
                Resume = resume,
            };
            return Create(family) switch
            {
                BertModel model => Run(model, options),
                RobertaModel model => Run(model, options),
                ErnieModel model => Run(model, options),
                ElectraModel model => Run(model, options),
                var model => Run((ModernBertModel)model, options),
            };
        }
        TrainingResult Run<TModel>(TModel model, TrainingOptions options) where TModel : nn.Module, IMaskedLanguageModel
        {
            using (model) return new Trainer(options).Run(model, objective, TestContext.Current.CancellationToken);
        }

        TrainingResult whole = Train("a", 40);
        Train("b", 17);
        Train("b", 40, resume: true);

        Assert.True(whole.TrainLoss < Math.Log(s_tokenizer.VocabSize) - 0.5, $"The loss is {whole.TrainLoss}.");
        byte[] Weights(string run) => File.ReadAllBytes(Path.Combine(_folder.File(run), "model", "model.safetensors"));
        Assert.Equal(Weights("a"), Weights("b"));
    }

    [Fact]
    public void Evaluate_AModel_IsLossPerplexityAndAccuracyOfAllScores()
    {
        using var model = (BertModel)Create("bert");
        model.train();
        var objective = new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ValidationFraction = 0.1 });

        EvaluationResult measured = objective.Evaluate(model, batchSize: 3, cancellationToken: TestContext.Current.CancellationToken)!;

        Assert.True(model.training);
        model.eval();
        double loss = 0;
        int right = 0, count = 0;
        foreach (Batch batch in objective.Evaluation(model, 7))
        {
            Tensor mask = batch.AttentionMask is null ? ones(batch.Rows, batch.Length) : tensor(batch.AttentionMask, [batch.Rows, batch.Length]);
            Tensor scores = model.Forward(new() { Ids = tensor(batch.Inputs, [batch.Rows, batch.Length]), AttentionMask = mask }).Logits.view(-1, s_tokenizer.VocabSize);
            for (int i = 0; i < batch.Targets.Length; i++)
            {
                if (batch.Targets[i] == CrossEntropy.Ignored) continue;
                loss += (scores[i].logsumexp(0) - scores[i][batch.Targets[i]]).item<float>();
                if (scores[i].argmax().item<long>() == batch.Targets[i]) right++;
                count++;
            }
        }
        Assert.Equal(count, measured.Targets);
        Assert.Equal(loss / count, measured.Loss, 1e-5);
        Assert.Equal(Math.Exp(measured.Loss), measured.Perplexity);
        Assert.Equal((double)right / count, measured.Accuracy!.Value, 1e-12);
        Assert.Null(new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ValidationFraction = 0 }).Evaluate(model, cancellationToken: TestContext.Current.CancellationToken));
    }

    [Fact]
    public void Open_InputsThatDoNotFit_Throws()
    {
        var objective = new MaskedLanguageModeling(_tokens, s_tokenizer);
        using var small = new BertModel(new BertConfig { VocabSize = 101, ContextLength = 13, LayerCount = 1, HeadCount = 1, EmbeddingDim = 2 });
        using var model = (BertModel)Create("bert");

        Assert.Equal($"The token store's vocabulary ({s_tokenizer.VocabSize}) exceeds the model's (101). Create the model with VocabSize = {s_tokenizer.VocabSize}.",
            Assert.Throws<ArgumentException>(() => objective.Open(new(3), small, 5)).Message);
        Assert.Equal("ContextLength (38) must be at least 1 and at most the model's (37).",
            Assert.Throws<ArgumentException>(() => new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ContextLength = 38 }).Open(new(3), model, 5)).Message);
        Assert.Equal("A context of 2 tokens leaves no room for text between the tokens around it. Use a longer one.",
            Assert.Throws<ArgumentException>(() => new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ContextLength = 2 }).Open(new(3), model, 5)).Message);
        Assert.Contains("was made by another tokenizer (fingerprint", Assert.Throws<ArgumentException>(() => new MaskedLanguageModeling(_tokens, MaskingFixture.Bpe)).Message);
        using TokenStore unmasked = MaskingFixture.Store(MaskingFixture.Unigram, _folder.File("unigram"));
        Assert.StartsWith("The tokenizer has no mask token.", Assert.Throws<ArgumentException>(() => new MaskedLanguageModeling(unmasked, MaskingFixture.Unigram)).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new MaskedLanguageModeling(_tokens, s_tokenizer, new() { ValidationFraction = 1 }));
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Data.Masking;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.T5;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Objectives;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;
using TemporaryFolder = PreTrain.Tests.Checkpoints.TemporaryFolder;

namespace PreTrain.Tests.Training;

public sealed class EvaluationTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Run_Causal_ReportsLossPerplexityAndAccuracyEverywhere()
    {
        using var model = Tiny.Model(Tiny.Even);
        var objective = new RowsObjective(evaluationRows: 7);
        var log = new Tiny.ListLogger();
        EvaluationResult? seen = null;
        TrainingResult result = Tiny.Train(model, objective, Tiny.Options(folder["run"], 24) with { EvaluationBatches = 0, Logger = log, Callbacks = [new Tiny.AfterEvaluation(e => seen = e)] });

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        Batch all = objective.Rows(99, 0, 7);
        Tensor logits = model.Logits(tensor(all.Inputs, [7, 11]));
        long[] best = logits.argmax(-1).view(-1).data<long>().ToArray();
        double accuracy = all.Targets.Where((target, i) => target == best[i]).Count() / (double)all.ValidTargets;
        EvaluationResult evaluation = result.Validation!;
        Assert.True(accuracy is > 0 and < 1, $"An accuracy of {accuracy} shows nothing.");
        Assert.Equal((accuracy, all.ValidTargets), (evaluation.Accuracy, evaluation.Targets));
        Assert.Equal(objective.Loss(model, all, all.ValidTargets).item<float>(), evaluation.Loss, 1e-5);
        Assert.Equal(Math.Exp(evaluation.Loss), evaluation.Perplexity);
        Assert.Equal(evaluation, seen);
        JsonNode line = JsonNode.Parse(Tiny.Metrics(folder["run"])[^1])!;
        Assert.Equal((evaluation.Loss, evaluation.Perplexity, accuracy), (line["validationLoss"]!.GetValue<double>(), line["validationPerplexity"]!.GetValue<double>(), line["validationAccuracy"]!.GetValue<double>()));
        Assert.Contains(log.Lines, l => l.Contains($"perplexity {evaluation.Perplexity:F2}, accuracy {accuracy:P2}", StringComparison.Ordinal));
    }

    [Fact]
    public void Evaluate_InPieces_IsTheSame()
    {
        var tokenizer = MaskingFixture.WordPiece;
        using TokenStore tokens = MaskingFixture.Store(tokenizer, folder["tokens"]);
        using var model = (BertModel)MaskedLanguageModelingTests.Create("bert");
        var objective = new MaskedLanguageModeling(tokens, tokenizer);
        EvaluationResult expected = objective.Evaluate(model, 6, 2, cancellationToken: TestContext.Current.CancellationToken)!;
        foreach (int rows in new[] { 4, 1 })
        {
            EvaluationResult measured = HeldOutEvaluation.Evaluate(objective, model, 6, 2, batch => batch.Split(rows), cancellationToken: TestContext.Current.CancellationToken)!;
            Assert.Equal((expected.Accuracy, expected.Targets), (measured.Accuracy, measured.Targets));
            Assert.Equal(expected.Loss, measured.Loss, 1e-5);
        }
    }

    [Fact]
    public void Evaluate_LongRows_AreFewAtATime()
    {
        const int length = 10_000;
        var objective = new LongRows(length, rows: 8);
        EvaluationResult measured = ((IObjective<object>)objective).Evaluate(new object(), 8)!;
        Assert.Equal((2.5, 8L * length), (Math.Round(measured.Loss, 5), measured.Targets));
        Assert.Equal([3, 3, 2], objective.Seen);
    }

    /// <summary>One batch of rows, of which each target loses 2.5.</summary>
    private sealed class LongRows(int length, int rows) : IObjective<object>
    {
        internal List<int> Seen { get; } = [];

        public string Name => "long";

        public JsonObject Describe() => [];

        public IBatchSource Open(RandomStreams streams, object model, int batchSize, JsonObject? state = null) => throw new NotSupportedException();

        public IEnumerable<Batch> Evaluation(object model, int batchSize) => [new() { Inputs = new long[rows * length], Targets = new long[rows * length], Rows = rows, Length = length, ValidTargets = rows * length }];

        public Tensor Loss(object model, Batch batch, double normalizer)
        {
            Seen.Add(batch.Rows);
            return tensor((float)(2.5 * batch.ValidTargets / normalizer));
        }
    }

    [Fact]
    public void Evaluate_Denoising_CountsEveryTarget()
    {
        var tokenizer = MaskingFixture.Unigram;
        using TokenStore tokens = MaskingFixture.Store(tokenizer, folder["tokens"]);
        using var generator = new Generator(3);
        using var model = new T5Model(new T5Config { VocabSize = tokenizer.VocabSize, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, HeadDim = 16, FeedForwardDim = 48 }, generator: generator);
        var objective = new SequenceDenoising(tokens, tokenizer, new SpanCorruption(tokenizer), new() { ContextLength = 41 });
        new Trainer(new() { Output = folder["run"], Steps = 5, BatchSize = 4, LearningRate = 0.05, EvaluateEvery = 0 }).Run(model, objective, TestContext.Current.CancellationToken);

        EvaluationResult measured = objective.Evaluate(model, 3, 4, cancellationToken: TestContext.Current.CancellationToken)!;

        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        long right = 0, count = 0;
        foreach (Batch batch in objective.Evaluation(model, 3).Take(4))
        {
            Tensor targets = tensor(batch.Targets, [batch.Rows, batch.TargetLength]);
            ModelInput(batch, out var input);
            Tensor best = model.Forward(input with { DecoderIds = DecoderIds(targets, model) }).Logits.argmax(-1);
            right += best.eq(targets).sum().item<long>();
            count += batch.ValidTargets;
        }
        Assert.True(right > 0, "Nothing is right.");
        Assert.Equal((count, (double)right / count), (measured.Targets, measured.Accuracy!.Value));

        static void ModelInput(Batch batch, out PreTrain.Models.ModelInput input) => input = new()
        {
            Ids = tensor(batch.Inputs, [batch.Rows, batch.Length]),
            AttentionMask = batch.AttentionMask is { } mask ? tensor(mask, [batch.Rows, batch.Length]) : null,
        };

        static Tensor DecoderIds(Tensor targets, T5Model model) =>
            cat([full([targets.size(0), 1], (long)model.DecoderStartId, dtype: ScalarType.Int64), targets.narrow(1, 0, targets.size(1) - 1)], 1).clamp_min(0);
    }

    [Fact]
    public void Evaluate_OutOfRange_Throws()
    {
        using var model = Tiny.Model(Tiny.Even);
        Assert.StartsWith("batchSize (0) must be at least 1.", Assert.Throws<ArgumentOutOfRangeException>(() => new Constant().Evaluate(model, 0, cancellationToken: TestContext.Current.CancellationToken)).Message);
        Assert.StartsWith("batches (-1) must be at least 1, or 0 for all.", Assert.Throws<ArgumentOutOfRangeException>(() => new Constant().Evaluate(model, batches: -1, cancellationToken: TestContext.Current.CancellationToken)).Message);
    }

    [Fact]
    public void Run_LossNotOfTokens_HasNoAccuracy()
    {
        using var model = Tiny.Model(Tiny.Even);
        EvaluationResult? measured = new Constant().Evaluate(model, 3, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(new EvaluationResult(2, null, 7), measured);
    }

    private sealed class Constant : IObjective<GptModel>
    {
        public string Name => "constant";

        public JsonObject Describe() => [];

        public IBatchSource Open(RandomStreams streams, GptModel model, int batchSize, JsonObject? state = null) => throw new NotSupportedException();

        public IEnumerable<Batch> Evaluation(GptModel model, int batchSize) => [new() { Inputs = [1], Targets = [1], Rows = 1, Length = 1, ValidTargets = 7 }];

        public Tensor Loss(GptModel model, Batch batch, double normalizer) => tensor(2f);
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Bart;
using PreTrain.Models.T5;
using PreTrain.Models.Transformer;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Data.Masking;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class SequenceToSequenceTuningTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.Unigram;
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split(' ').Distinct().Take(12)];

    private readonly TemporaryFolder folder = new();

    private static int End => s_tokenizer.SpecialTokens.EndOfText!.Value;

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("t5")]
    [InlineData("bart")]
    [InlineData("marian")]
    public void Loss_OfABatch_IsThatOfEachPairIn64Bits(string family)
    {
        using DisposeScope scope = NewDisposeScope();
        var pairs = new TextPairs([.. s_words.Take(5).Select((word, i) => new TextPair(string.Join(' ', s_words.Skip(i).Take(1 + i)), word))]);
        ISequenceToSequenceModel model = Model(family);
        ((nn.Module)model).eval();
        var objective = new SequenceToSequenceTuning(pairs, s_tokenizer, new() { ValidationFraction = 0, SourcePrefix = s_words[7] + " " });
        using IBatchSource source = objective.Open(new(3), model, 5);
        Batch batch = source.Next(TestContext.Current.CancellationToken);

        double sum = 0;
        int count = 0;
        foreach (TextPair pair in pairs.Examples)
        {
            long[] read = Ids(s_words[7] + " " + pair.Source), written = Ids(pair.Target);
            if (written[^1] != End) written = [.. written, End];
            long[] decoder = [model.DecoderStartId, .. written[..^1]];
            double[] logits = Doubles(((ITransformerModel)model).Forward(new() { Ids = tensor(read, [1, read.Length]), DecoderIds = tensor(decoder, [1, decoder.Length]) }).Logits);
            for (int t = 0; t < written.Length; t++)
            {
                double[] scores = logits[(t * model.VocabSize)..((t + 1) * model.VocabSize)];
                double most = scores.Max();
                sum += most + Math.Log(scores.Sum(score => Math.Exp(score - most))) - scores[written[t]];
            }
            count += written.Length;
        }
        Assert.Equal(count, batch.ValidTargets);
        Assert.Equal(sum / count, objective.Loss(model, batch, count).item<float>(), 2e-5 * sum / count);
    }

    [Fact]
    public void Next_LongTexts_AreCutAndStillEnd()
    {
        string text = string.Join(' ', s_words);
        using var model = (T5Model)Model("t5");
        using IBatchSource source = new SequenceToSequenceTuning(new([new(text, text)]), s_tokenizer, new() { ValidationFraction = 0, MaxSourceLength = 9, MaxTargetLength = 6 }).Open(new(3), model, 1);
        Batch batch = source.Next(TestContext.Current.CancellationToken);
        Assert.Equal((9, 6), (batch.Length, batch.TargetLength));
        Assert.Equal(End, batch.Targets[^1]);
        Assert.Equal(Ids(text)[..5], batch.Targets[..5]);
    }

    [Fact]
    public void Open_StateOfASource_GoesOnWhereItWas()
    {
        var pairs = new TextPairs([.. s_words.Select(word => new TextPair(word, word))]);
        using var model = (T5Model)Model("t5");
        var objective = new SequenceToSequenceTuning(pairs, s_tokenizer, new() { ValidationFraction = 0.25 });
        using IBatchSource first = objective.Open(new(5), model, 2);
        for (int i = 0; i < 3; i++) first.Next(TestContext.Current.CancellationToken);
        JsonObject state = JsonNode.Parse(first.State.ToJsonString())!.AsObject();
        long[][] expected = [.. Enumerable.Range(0, 5).Select(_ => first.Next(TestContext.Current.CancellationToken).Targets)];
        using IBatchSource resumed = objective.Open(new(5), model, 2, state);
        Assert.Equal(expected, Enumerable.Range(0, 5).Select(_ => resumed.Next(TestContext.Current.CancellationToken).Targets));
        Assert.Equal((3, 3), (objective.Validation!.Count, objective.Evaluation(model, 2).Sum(batch => batch.Rows)));
    }

    [Fact]
    public void Run_WordsInReverse_AreLearnedAndWrittenAgain()
    {
        var pairs = new TextPairs([.. Enumerable.Range(0, 6).Select(i => new TextPair($"{s_words[i]} {s_words[i + 1]}", $"{s_words[i + 1]} {s_words[i]}"))]);
        using var model = (T5Model)Model("t5", dropout: 0);
        var options = Tiny.Options(folder["run"], steps: 150) with { BatchSize = 6, LearningRate = 1e-2, EvaluateEvery = 0, CheckpointEvery = 0 };
        TrainingResult result = new Trainer(options).Run(model, new SequenceToSequenceTuning(pairs, s_tokenizer, new() { ValidationFraction = 0 }), TestContext.Current.CancellationToken);
        Assert.True(result.TrainLoss < 0.05, $"{result.TrainLoss}");
        WritingScores scores = WritingScores.Measure(model, s_tokenizer, pairs, new() { Generation = new() { Temperature = 0, MaxNewTokens = 24 }, BatchSize = 4 }, TestContext.Current.CancellationToken);
        Assert.Equal(pairs.Examples.Select(pair => pair.Target), scores.Predictions);
        Assert.Equal(1, scores.ExactMatch);
        Assert.Equal(1, scores.Rouge.RougeL, 12);
        Assert.Equal(new BleuScore([.. pairs.Examples.Select(pair => new[] { pair.Target })], scores.Predictions).Score, scores.Bleu.Score);
    }

    [Fact]
    public void Open_WhatDoesNotFit_SaysWhat()
    {
        using var model = (BartModel)Model("bart");
        var pairs = new TextPairs([new("a", "b")]);
        Said("MaxSourceLength (1) must be at least 2 and at most the model's context (61)", new() { ValidationFraction = 0, MaxSourceLength = 1 });
        Said("MaxTargetLength (62) must be at least 2 and at most the model's context (61)", new() { ValidationFraction = 0, MaxTargetLength = 62 });

        void Said(string expected, SequenceToSequenceTuningOptions options) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => new SequenceToSequenceTuning(pairs, s_tokenizer, options).Open(new(1), model, 1)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void CutPairs_SourceOrTargetBeyondTheLongest_IsCounted()
    {
        using var model = (T5Model)Model("t5");
        string five = string.Join(' ', s_words[..5]), one = s_words[0];
        int longest = Math.Max(Ids("to " + one).Length, Ids(one).Length + 1);
        var pairs = new TextPairs([new(one, one), new(five, one), new(one, five), new(five, five)]);
        Assert.Equal(3, new SequenceToSequenceTuning(pairs, s_tokenizer, new() { ValidationFraction = 0.5, SourcePrefix = "to ", MaxSourceLength = longest, MaxTargetLength = longest }).CutPairs(model));
        Assert.Equal(0, new SequenceToSequenceTuning(pairs, s_tokenizer, new() { ValidationFraction = 0 }).CutPairs(model));
    }

    private static long[] Ids(string text) => [.. s_tokenizer.Tokenize(text).Ids.ToArray().Select(id => (long)id)];

    private static ISequenceToSequenceModel Model(string family, double dropout = 0.1)
    {
        using var generator = new Generator(3);
        int vocabulary = s_tokenizer.VocabSize, padding = s_tokenizer.SpecialTokens.Padding ?? 0;
        return family switch
        {
            "t5" => new T5Model(new T5Config { VocabSize = vocabulary, LayerCount = 1, HeadCount = 2, EmbeddingDim = 32, HeadDim = 16, FeedForwardDim = 48, Dropout = dropout, EndId = End, PaddingId = padding, DecoderStartId = padding }, generator: generator),
            "bart" => new BartModel(new BartConfig
            {
                VocabSize = vocabulary,
                ContextLength = 61,
                LayerCount = 1,
                HeadCount = 2,
                DecoderHeadCount = 2,
                EmbeddingDim = 32,
                FeedForwardDim = 48,
                DecoderFeedForwardDim = 48,
                PaddingId = padding,
                EndId = End,
                DecoderStartId = End,
            }, generator: generator),
            _ => new TransformerModel(new TransformerConfig
            {
                VocabSize = vocabulary,
                ContextLength = 61,
                LayerCount = 1,
                HeadCount = 2,
                DecoderHeadCount = 2,
                EmbeddingDim = 32,
                FeedForwardDim = 48,
                DecoderFeedForwardDim = 48,
                PaddingId = padding,
                EndId = End,
                DecoderStartId = padding,
            }, generator: generator),
        };
    }
}

using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Generation;
using PreTrain.Models.Gpt;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Tokenization.Chat;
using PreTrain.Tests.Training;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static PreTrain.Tests.Modules.Values;
using static TorchSharp.torch;

namespace PreTrain.Tests.Objectives;

[Collection(DefaultGenerator.Name)]
public sealed class ChatTuningTests : IDisposable
{
    private static readonly TextTokenizer s_tokenizer = ChatFixture.Tokenizer;
    private static readonly ChatTemplate s_template = new(ChatTemplate.ChatMl, s_tokenizer);

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Loss_OfABatch_IsTheMeanOverTheAnswersTokensIn64Bits(bool packs)
    {
        using DisposeScope scope = NewDisposeScope();
        Conversations all = Of(("Hi", "Ho"), ("What is it?", "A cat."), ("1", "Two"), ("Why not now?", "No"));
        GptModel model = Gpt();
        model.eval();
        var objective = new ChatTuning(all, s_tokenizer, s_template, new() { ValidationFraction = 0, Packs = packs });
        using IBatchSource source = objective.Open(new(3), model, packs ? 1 : 4);
        Batch batch = source.Next(TestContext.Current.CancellationToken);

        double sum = 0;
        long targets = 0;
        foreach (Conversation conversation in all.Examples)
        {
            ChatTokens tokens = s_template.Encode(s_tokenizer, conversation.Messages);
            double[] logits = Doubles(model.Logits(tensor([.. tokens.Ids.Select(id => (long)id)], [1, tokens.Ids.Count])));
            for (int t = 0; t + 1 < tokens.Ids.Count; t++)
            {
                if (!tokens.IsAnswer[t + 1]) continue;
                double[] scores = logits[(t * model.VocabSize)..((t + 1) * model.VocabSize)];
                double most = scores.Max();
                sum += most + Math.Log(scores.Sum(score => Math.Exp(score - most))) - scores[tokens.Ids[t + 1]];
                targets++;
            }
        }
        Assert.Equal((4, targets), (batch.Rows, batch.ValidTargets));
        Assert.Equal(sum / targets, objective.Loss(model, batch, batch.ValidTargets).item<float>(), 1e-5 * sum / targets);
        Assert.Equal(sum / targets, batch.Split(3).Sum(piece => objective.Loss(model, piece, targets).item<float>()), 1e-5 * sum / targets);
    }

    [Fact]
    public void Next_Packed_GivesEachConversationOnceAnEpoch_WithinTheLongestRow()
    {
        Conversations all = Of([.. Enumerable.Range(0, 23).Select(i => ($"q{i}", new string('x', 1 + i * 5 % 17)))]);
        using GptModel model = Gpt();
        int length = 96;
        using IBatchSource source = new ChatTuning(all, s_tokenizer, s_template, new() { ValidationFraction = 0, Packs = true, ContextLength = length }).Open(new(3), model, 1);
        var seen = new List<string>();
        int batches = 0;
        while (seen.Count < all.Count)
        {
            Batch batch = source.Next(TestContext.Current.CancellationToken);
            batches++;
            int tokens = 0;
            for (int row = 0; row < batch.Rows; row++)
            {
                int[] ids = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask is null || batch.AttentionMask[i] == 1).Select(i => (int)batch.Inputs[i])];
                tokens += ids.Length;
                seen.Add(s_tokenizer.Decode(ids.AsSpan()));
            }
            Assert.InRange(tokens, 1, length);
        }
        Assert.Equal(all.Examples.Select(e => s_template.Render(e.Messages)[..^1]).Order(), seen.Order());
        Assert.InRange(batches, 1, 14);   // one in each place would be 23
    }

    [Fact]
    public void Next_LongConversation_IsCutAndOneWithoutAnAnswerLeftOut()
    {
        Conversations all = Of(("Hi", new string('a', 50)), (new string('q', 90), "late"));
        using GptModel model = Gpt();
        using IBatchSource source = new ChatTuning(all, s_tokenizer, s_template, new() { ValidationFraction = 0, ContextLength = 40 }).Open(new(3), model, 2);
        Batch batch = source.Next(TestContext.Current.CancellationToken);
        Assert.Equal((2, 40), (batch.Rows, batch.Length));
        Assert.Equal(batch.Inputs[..40], batch.Inputs[40..]);   // the other conversation is never drawn
        Assert.Equal('a', (char)s_tokenizer.GetTokenBytes((int)batch.Targets[39], false)[0]);
        var none = new ChatTuning(Of((new string('q', 90), "late")), s_tokenizer, s_template, new() { ValidationFraction = 0, ContextLength = 40 });
        Assert.Contains("In none of the 1 conversations does an answer begin within the first 40 tokens", Assert.Throws<CorpusException>(() => none.Open(new(3), model, 2)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Evaluation_HeldOutConversationWithoutRoom_IsLeftOutAndTheRunGoesOn()
    {
        using GptModel model = Gpt();
        int heldOut = 0;
        for (int late = 0; late < 5; late++)
        {
            Conversations all = Of([.. Enumerable.Range(0, 5).Select(i => (i == late ? new string('q', 90) : "q", $"a{i}"))]);
            var objective = new ChatTuning(all, s_tokenizer, s_template, new() { ValidationFraction = 0.2, ContextLength = 40 });
            using IBatchSource source = objective.Open(new(5), model, 2);
            Assert.Equal((0, 1), objective.Shortened(model));
            if (!objective.Validation!.Examples.Contains(all.Examples[late])) continue;
            Assert.Empty(objective.Evaluation(model, 2));
            heldOut++;
        }
        Assert.True(heldOut > 0);
    }

    [Fact]
    public void Open_StateOfASource_GoesOnWhereItWas()
    {
        Conversations all = Of([.. Enumerable.Range(0, 11).Select(i => ($"q{i}", $"a{i}"))]);
        using GptModel model = Gpt();
        var objective = new ChatTuning(all, s_tokenizer, s_template, new() { ValidationFraction = 0.2, Packs = true, ContextLength = 64 });
        using IBatchSource first = objective.Open(new(5), model, 2);
        for (int i = 0; i < 3; i++) first.Next(TestContext.Current.CancellationToken);
        JsonObject state = JsonNode.Parse(first.State.ToJsonString())!.AsObject();
        long[][] expected = [.. Enumerable.Range(0, 5).Select(_ => first.Next(TestContext.Current.CancellationToken).Inputs)];
        using IBatchSource resumed = objective.Open(new(5), model, 2, state);
        Assert.Equal(expected, Enumerable.Range(0, 5).Select(_ => resumed.Next(TestContext.Current.CancellationToken).Inputs));
        Assert.Equal(2, objective.Validation!.Count);
        Assert.Equal(2, objective.Evaluation(model, 8).Sum(batch => batch.Rows));
    }

    [Theory]
    [InlineData(ChatTemplate.Plain)]
    [InlineData(ChatTemplate.ChatMl)]
    public void Run_AFewConversations_AreLearnedAndSaidAgain(string source)
    {
        (string Question, string Answer)[] facts = [("sky?", "blue"), ("grass?", "green"), ("snow?", "white"), ("coal?", "black")];
        var template = new ChatTemplate(source, s_tokenizer);
        using GptModel model = Gpt();
        var options = Tiny.Options(folder["run"], steps: 120) with { BatchSize = 4, LearningRate = 1e-2, EvaluateEvery = 0, CheckpointEvery = 0 };
        TrainingResult result = new Trainer(options).Run(model, new ChatTuning(Of(facts), s_tokenizer, template, new() { ValidationFraction = 0 }), TestContext.Current.CancellationToken);
        Assert.True(result.TrainLoss < 0.02, $"{result.TrainLoss}");
        foreach (var (question, answer) in facts)
        {
            string prompt = template.Render([new(ChatMessage.User, question)], addGenerationPrompt: true);
            Assert.Equal(prompt + answer, model.Generate(s_tokenizer, prompt, new GenerationOptions { Temperature = 0, MaxNewTokens = 12 }.ForChat(template), TestContext.Current.CancellationToken));
            Assert.Equal(prompt + answer, new TextSamples(s_tokenizer, prompt, 12) { Template = template }.Write(model));
        }
    }

    [Fact]
    public void New_OrOpen_WhatDoesNotFit_SaysWhat()
    {
        using GptModel small = new(new GptConfig { VocabSize = 200, ContextLength = 32, LayerCount = 1, HeadCount = 1, EmbeddingDim = 8 });
        using GptModel model = Gpt();
        Said<ArgumentException>("The tokenizer's vocabulary (260) exceeds the model's (200)", () => new ChatTuning(Of(("a", "b"), ("c", "d")), s_tokenizer, s_template, new() { ValidationFraction = 0 }).Open(new(1), small, 1));
        Said<ArgumentException>("ContextLength (999) must be at least 1 and at most the model's (128)",
            () => new ChatTuning(Of(("a", "b"), ("c", "d")), s_tokenizer, s_template, new() { ValidationFraction = 0, ContextLength = 999 }).Open(new(1), model, 1));
        var refusing = new ChatTemplate("{{ raise_exception('never') }}", s_tokenizer);
        Said<CorpusException>("The conversation that begins with 'a' cannot be learned from. The chat template refuses the conversation of user, assistant: never",
            () => new ChatTuning(Of(("a", "b")), s_tokenizer, refusing, new() { ValidationFraction = 0 }).Open(new(1), model, 1));

        static void Said<T>(string expected, Action action) where T : Exception => Assert.Contains(expected, Assert.Throws<T>(action).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shortened_ConversationsBeyondARow_AreCutOrLeftOut()
    {
        using GptModel model = Gpt();
        Conversations all = Of(("Hi", "Ho"), ("Hi", new string('y', 90)), (new string('x', 300), "No"), ("1", "2"));
        Assert.Equal((1, 1), new ChatTuning(all, s_tokenizer, s_template, new() { ContextLength = 96, ValidationFraction = 0.5 }).Shortened(model));
        Assert.Equal((0, 0), new ChatTuning(Of(("Hi", "Ho"), ("1", "2")), s_tokenizer, s_template, new() { ValidationFraction = 0 }).Shortened(model));
    }

    private static GptModel Gpt()
    {
        using var generator = new Generator(7);
        return new GptModel(new GptConfig { VocabSize = s_tokenizer.VocabSize, ContextLength = 128, LayerCount = 2, HeadCount = 2, EmbeddingDim = 32, FeedForwardDim = 48 }, generator: generator);
    }

    private static Conversations Of(params (string Question, string Answer)[] turns) =>
        new([.. turns.Select(turn => new Conversation { Messages = [new(ChatMessage.User, turn.Question), new(ChatMessage.Assistant, turn.Answer)] })]);
}

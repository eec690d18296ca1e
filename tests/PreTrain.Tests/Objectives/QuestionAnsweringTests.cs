using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Models.Bert;
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
public sealed class QuestionAnsweringTests : IDisposable
{
    private static readonly PipelineTokenizer s_tokenizer = MaskingFixture.WordPiece;
    private static readonly string[] s_words = [.. string.Join(' ', MaskingFixture.Documents).Split([' ', '.', '!', '?', ','], StringSplitOptions.RemoveEmptyEntries).Distinct()];

    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Cut_LongTexts_MarksTheAnswerInEveryRowThatHasAllOfIt()
    {
        foreach (AnsweredQuestion question in Questions(10, words: 60, unanswered: false).Examples)
        {
            TextAnswer answer = question.Answers[0];
            TextWindow[] windows = QuestionWindows.Cut(s_tokenizer, question.Id, question.Question, question.Context, 31, 9);
            Assert.True(windows.Length > 2, $"{windows.Length}");
            int marked = 0;
            foreach (TextWindow window in windows)
            {
                Assert.InRange(window.Ids.Length, 1, 31);
                long[] targets = QuestionWindows.Targets(window, answer);
                TokenSpan[] parts = [.. window.Offsets.Where(span => span.End > span.Start)];
                bool hasAll = parts[0].Start <= answer.Start && parts[^1].End >= answer.End;
                Assert.Equal(hasAll, targets[0] != QuestionWindows.NoAnswer);
                if (!hasAll) continue;
                Assert.Equal(answer.Text, question.Context[window.Offsets[targets[0]].Start..window.Offsets[targets[1]].End]);
                marked++;
            }
            Assert.True(marked > 0);
            Assert.Equal([0L, 0L], QuestionWindows.Targets(windows[0], null));
        }
    }

    [Fact]
    public void Cut_QuestionThatFillsTheRow_NamesIt()
    {
        using BertModel model = Bert();
        var questions = new AnsweredQuestions([new() { Id = "q7", Question = string.Join(' ', s_words), Context = "A reader", Answers = [] }, .. Questions(3).Examples]);
        var objective = new QuestionAnswering(questions, s_tokenizer, new() { ValidationFraction = 0 });

        Assert.Matches(@"^The question 'q7' has \d+ tokens with the special ones around it, and a row has 61, so that nothing of its text would be read\.", Assert.Throws<CorpusException>(() => objective.Open(new(3), model, 5)).Message);
        Assert.StartsWith("ContextLength (7) must be at least 8. Stride (-1) must not be negative.", Assert.Throws<ArgumentException>(() => new QuestionAnswering(questions, s_tokenizer, new() { ContextLength = 7, Stride = -1 })).Message);
    }

    [Fact]
    public void Loss_OfABatch_IsTheMeanOfBothPlacesIn64Bits_AndThatOfItsPieces()
    {
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = Bert();
        model.eval();
        var objective = new QuestionAnswering(Questions(30), s_tokenizer, new() { ValidationFraction = 0 });
        using IBatchSource source = objective.Open(new(3), model, 7);
        Batch batch = source.Next(TestContext.Current.CancellationToken);

        double expected = 0;
        for (int row = 0; row < 7; row++)
        {
            int[] places = [.. Enumerable.Range(row * batch.Length, batch.Length).Where(i => batch.AttentionMask![i] == 1)];
            double[] logits = Doubles(model.Forward(new() { Ids = tensor(places.Select(i => batch.Inputs[i]).ToArray(), [1, places.Length]), TokenTypeIds = tensor(places.Select(i => batch.TokenTypes![i]).ToArray(), [1, places.Length]) }).Logits);
            for (int side = 0; side < 2; side++)
            {
                double[] z = [.. Enumerable.Range(0, places.Length).Select(t => logits[2 * t + side])];
                expected += Math.Log(z.Sum(Math.Exp)) - z[batch.Targets[2 * row + side]];
            }
        }
        Assert.Equal((14, 2), (batch.ValidTargets, batch.TargetLength));
        Assert.Equal(expected / 14, objective.Loss(model, batch, 14).item<float>(), 1e-5 * expected);
        Assert.Equal(expected / 14, batch.Split(3).Sum(piece => objective.Loss(model, piece, 14).item<float>()), 1e-5 * expected);
        Tensor loss = objective.Loss(model, batch, 14);
        loss.backward();
        Assert.All(model.parameters().Where(p => p.grad is not null), p => Assert.True(p.grad!.isfinite().all().item<bool>()));
    }

    [Fact]
    public void Run_AnswersThatAWordMarks_AreFoundInHeldOutTexts()
    {
        AnsweredQuestions questions = Questions(240);
        var objective = new QuestionAnswering(questions, s_tokenizer, new() { ValidationFraction = 0.2 });
        ITransformerModel model = Bert();
        new Trainer(Tiny.Options(folder["run"]) with { Steps = 150, BatchSize = 16, Tokenizer = s_tokenizer }).Run(model, objective, TestContext.Current.CancellationToken);
        using var finder = new AnswerFinder(model, s_tokenizer);

        IReadOnlyDictionary<string, double> held = finder.Evaluate(questions.Split(0.2).Validation!, cancellationToken: TestContext.Current.CancellationToken);

        Assert.True(held["exactMatch"] > 0.9, $"exact match {held["exactMatch"]}, F1 {held["f1"]}");
        using AnswerFinder loaded = AnswerFinder.FromPretrained(Path.Combine(folder["run"], "model"));
        Assert.True(loaded.Evaluate(Questions(20, words: 60, seed: 11), cancellationToken: TestContext.Current.CancellationToken)["f1"] > 0.7);
    }

    [Fact]
    public void Predict_AnyText_IsTheBestOfAllRowsByTrial()
    {
        using BertModel model = Bert();
        using var finder = new AnswerFinder(model, s_tokenizer, contextLength: 31);
        foreach (AnsweredQuestion question in Questions(5, words: 50).Examples)
        {
            var best = new Dictionary<(int, int), double>();
            double none = double.PositiveInfinity;
            foreach (TextWindow window in QuestionWindows.Cut(s_tokenizer, "", question.Question, question.Context, 31, 7))
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable mode = no_grad();
                double[] z = Doubles(model.Forward(new() { Ids = tensor(window.Ids, [1, window.Ids.Length]), TokenTypeIds = tensor(window.Types, [1, window.Ids.Length]) }).Logits);
                none = Math.Min(none, z[0] + z[1]);
                for (int a = 0; a < window.Ids.Length; a++)
                {
                    for (int b = a; b < Math.Min(a + 4, window.Ids.Length); b++)
                    {
                        if (!window.IsOfText(a) || !window.IsOfText(b)) continue;
                        var place = (window.Offsets[a].Start, window.Offsets[b].End);
                        best[place] = Math.Max(best.GetValueOrDefault(place, double.NegativeInfinity), z[2 * a] + z[2 * b + 1]);
                    }
                }
            }
            var options = new AnswerOptions { Count = 5, MaxAnswerTokens = 4, CandidateCount = 31, Stride = 7 };
            var expected = best.OrderByDescending(pair => pair.Value).Take(5).ToArray();

            IReadOnlyList<FoundAnswer> answers = finder.Predict(question.Question, question.Context, options, cancellationToken: TestContext.Current.CancellationToken);

            Assert.Equal(expected.Select(pair => pair.Key), answers.Select(answer => (answer.Start, answer.End)));
            Assert.All(expected.Zip(answers), pair => Assert.Equal(pair.First.Value, pair.Second.Score, 1e-4));
            double sum = best.Values.Sum(Math.Exp);
            Assert.Equal(Math.Exp(expected[0].Value) / sum, answers[0].Probability, 1e-4);
            // No answer: given where it is better by more than a threshold.
            double margin = none - expected[0].Value;
            Assert.True(finder.Predict(question.Question, question.Context, options with { AllowsNoAnswer = true, NoAnswerThreshold = margin - 0.01 }, cancellationToken: TestContext.Current.CancellationToken)[0].IsNone);
            FoundAnswer given = finder.Predict(question.Question, question.Context, options with { AllowsNoAnswer = true, NoAnswerThreshold = margin + 0.01 }, cancellationToken: TestContext.Current.CancellationToken)[0];
            Assert.Equal((false, expected[0].Key), (given.IsNone, (given.Start, given.End)));
        }
    }

    [Fact]
    public void Loss_ManyTimes_LeavesNoTensor()
    {
        using BertModel model = Bert();
        var objective = new QuestionAnswering(Questions(20), s_tokenizer, new() { ValidationFraction = 0.5 });
        Batch batch = objective.Evaluation(model, 5).First();
        objective.Loss(model, batch, 5).Dispose();
        long before = LiveTensors.Count();
        for (int i = 0; i < 5; i++) objective.Loss(model, batch, 5).Dispose();
        Assert.Equal(before, LiveTensors.Count());
    }

    /// <summary>Texts of common words; what is asked for are two certain ones that follow each other, which some texts lack.</summary>
    private static AnsweredQuestions Questions(int count, int words = 12, int seed = 7, bool unanswered = true)
    {
        var random = new Random(seed);
        return new([.. Enumerable.Range(0, count).Select(i =>
        {
            string[] all = [.. Enumerable.Range(0, words).Select(_ => s_words[random.Next(4, s_words.Length)])];
            int at = random.Next(words - 1);
            bool none = unanswered && i % 5 == 0;
            if (!none) (all[at], all[at + 1]) = (s_words[1], s_words[2]);
            return new AnsweredQuestion
            {
                Id = $"{i}",
                Question = $"{s_words[0]} {s_words[4]}",
                Context = string.Join(' ', all),
                Answers = none ? [] : [new($"{s_words[1]} {s_words[2]}", all[..at].Sum(word => word.Length + 1))],
            };
        })]);
    }

    private static BertModel Bert()
    {
        using var generator = new Generator(3);
        return new BertModel(new()
        {
            VocabSize = s_tokenizer.VocabSize,
            ContextLength = 61,
            LayerCount = 2,
            HeadCount = 2,
            EmbeddingDim = 32,
            FeedForwardDim = 48,
            Dropout = 0,
            AttentionDropout = 0,
            InitializerRange = 0.1,
        }, ModelHead.QuestionAnswering, generator);
    }
}

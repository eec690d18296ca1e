using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.FineTuning;

/// <summary>
/// Finds the answer to a question in a text, with a model that <see cref="QuestionAnswering"/> trained or that Hugging Face transformers saved. A text of any length is read in rows that overlap, and
/// the best beginnings and ends of all rows compete.
/// </summary>
public sealed class AnswerFinder : IDisposable
{
    private const int DefaultBatchSize = 32;

    private readonly HeadModel _head;

    /// <summary>Uses a model, which it owns from now on.</summary>
    /// <param name="model">A model with the head <see cref="ModelHead.QuestionAnswering"/>.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="contextLength">The longest row; null for the model's.</param>
    /// <exception cref="ArgumentException">The model has another head, or its vocabulary is too small.</exception>
    public AnswerFinder(ITransformerModel model, TextTokenizer tokenizer, int? contextLength = null) =>
        _head = new(model, tokenizer, ModelHead.QuestionAnswering, "the answering of questions", contextLength);

    /// <summary>The model.</summary>
    public ITransformerModel Model => _head.Model;

    /// <summary>The tokenizer.</summary>
    public TextTokenizer Tokenizer => _head.Tokenizer;

    /// <summary>Loads a folder.</summary>
    /// <param name="folder">Holds <c>config.json</c>, <c>model.safetensors</c> and <c>tokenizer.json</c>.</param>
    /// <param name="contextLength">The longest row; null for the model's.</param>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or broken, or there is no trained head.</exception>
    /// <exception cref="TokenizerException">The tokenizer is missing or broken.</exception>
    public static AnswerFinder FromPretrained(string folder, int? contextLength = null) =>
        HeadModel.Load(folder, ModelHead.QuestionAnswering, (model, tokenizer) => new AnswerFinder(model, tokenizer, contextLength));

    /// <summary>Finds the best answers to a question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="context">The text.</param>
    /// <param name="options">How they are looked for.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>At least one, the most probable first.</returns>
    /// <exception cref="ArgumentException">A text is empty, or an option out of range.</exception>
    /// <exception cref="CorpusException">The question leaves no room for the text.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyList<FoundAnswer> Predict(string question, string context, AnswerOptions? options = null, CancellationToken cancellationToken = default) =>
        Predict([new AnsweredQuestion { Id = question, Question = question, Context = context, Answers = [] }], options, cancellationToken: cancellationToken)[0];

    /// <summary>Finds the best answers to questions.</summary>
    /// <param name="questions">The questions, whose answers are not looked at.</param>
    /// <param name="options">How they are looked for.</param>
    /// <param name="batchSize">Rows that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>The answers to each question, in their order.</returns>
    /// <exception cref="ArgumentException">A text is empty, or an option out of range.</exception>
    /// <exception cref="CorpusException">A question leaves no room for its text.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyList<IReadOnlyList<FoundAnswer>> Predict(IReadOnlyList<AnsweredQuestion> questions, AnswerOptions? options = null, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        options ??= new();
        options.Validate();
        foreach (AnsweredQuestion question in questions)
            if (string.IsNullOrWhiteSpace(question.Question) || string.IsNullOrWhiteSpace(question.Context)) throw new ArgumentException($"The question '{question.Id}' or its text is empty.", nameof(questions));
        (TextWindow Window, int Question)[] rows = [.. questions.SelectMany((q, i) => QuestionWindows.Cut(Tokenizer, q.Id, q.Question, q.Context, _head.Length, options.Stride).Select(window => (window, i)))];
        var candidates = new List<(int Start, int End, double Score)>[questions.Count];
        double[] none = new double[questions.Count];
        Array.Fill(none, double.PositiveInfinity);
        for (int first = 0; first < rows.Length; first += batchSize)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var batch = rows[first..Math.Min(rows.Length, first + batchSize)];
            var (scores, width) = _head.Scores([.. batch.Select(row => row.Window)]);
            for (int row = 0; row < batch.Length; row++)
            {
                ReadOnlySpan<float> own = scores.AsSpan(row * width, width);
                int question = batch[row].Question;
                none[question] = Math.Min(none[question], own[2 * QuestionWindows.NoAnswer] + own[2 * QuestionWindows.NoAnswer + 1]);   // of the row that is least sure of it
                (candidates[question] ??= []).AddRange(Candidates(batch[row].Window, own, options));
            }
        }
        return [.. questions.Select((question, i) => Choose(question.Context, candidates[i], none[i], options))];
    }

    /// <summary>Measures on questions with answers.</summary>
    /// <param name="questions">The questions; where some have no answer, that may be predicted.</param>
    /// <param name="options">How answers are looked for; null for what is usual.</param>
    /// <param name="batchSize">Rows that are computed together.</param>
    /// <param name="cancellationToken">Stops between two batches.</param>
    /// <returns>By name: exactMatch and f1.</returns>
    /// <exception cref="CorpusException">A question leaves no room for its text.</exception>
    /// <exception cref="NotFiniteNumberException">A score of the model is not finite.</exception>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    public IReadOnlyDictionary<string, double> Evaluate(AnsweredQuestions questions, AnswerOptions? options = null, int batchSize = DefaultBatchSize, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(questions);
        options ??= new() { AllowsNoAnswer = questions.HaveUnanswered };
        string[] said = [.. Predict(questions.Examples, options, batchSize, cancellationToken).Select(answers => answers[0].Text)];
        IReadOnlyList<string>[] wanted = [.. questions.Examples.Select(question => question.Answers.Count == 0 ? [""] : (IReadOnlyList<string>)[.. question.Answers.Select(answer => answer.Text)])];
        var metrics = new AnswerMetrics(wanted, said);
        return new Dictionary<string, double> { ["exactMatch"] = metrics.ExactMatch, ["f1"] = metrics.F1 };
    }

    /// <summary>Writes the model and the tokenizer as an ordinary Hugging Face folder.</summary>
    /// <param name="folder">Created where it is missing.</param>
    public void SavePretrained(string folder) => _head.Save(folder);

    /// <inheritdoc/>
    public void Dispose() => _head.Dispose();

    /// <summary>The best pairs of a beginning and an end in a row; scores lie as (T, 2).</summary>
    private static List<(int Start, int End, double Score)> Candidates(TextWindow window, ReadOnlySpan<float> scores, AnswerOptions options)
    {
        float[] own = scores.ToArray();
        int[] places = [.. Enumerable.Range(0, window.Ids.Length).Where(window.IsOfText)];
        int[] begins = [.. places.OrderByDescending(t => own[2 * t]).Take(options.CandidateCount)], ends = [.. places.OrderByDescending(t => own[2 * t + 1]).Take(options.CandidateCount)];
        var found = new List<(int, int, double)>();
        foreach (int begin in begins)
        {
            foreach (int end in ends)
            {
                if (end < begin || end - begin >= options.MaxAnswerTokens) continue;
                found.Add((window.Offsets[begin].Start, window.Offsets[end].End, (double)own[2 * begin] + own[2 * end + 1]));
            }
        }
        return found;
    }

    private static List<FoundAnswer> Choose(string context, List<(int Start, int End, double Score)> candidates, double none, AnswerOptions options)
    {
        // Rows overlap, and may have the same part of the text.
        List<(int Start, int End, double Score)> best = [.. candidates.GroupBy(c => (c.Start, c.End)).Select(same => same.MaxBy(c => c.Score)).OrderByDescending(c => c.Score)];
        if (options.AllowsNoAnswer || best.Count == 0)
        {
            bool isBest = best.Count == 0 || none - best[0].Score > options.NoAnswerThreshold;
            int place = isBest ? 0 : Math.Max(1, best.TakeWhile(c => c.Score >= none).Count());
            best.Insert(place, (0, 0, none));
        }
        double highest = best.Max(c => c.Score), sum = best.Sum(c => Math.Exp(c.Score - highest));
        return [.. best.Take(options.Count).Select(c =>
        {
            var (start, end) = Trim(context, c.Start, c.End);
            return new FoundAnswer(context[start..end], start, end, c.Score, Math.Exp(c.Score - highest) / sum);
        })];
    }

    /// <summary>Without white space around it, which a token may have taken along.</summary>
    private static (int Start, int End) Trim(string text, int start, int end)
    {
        while (start < end && char.IsWhiteSpace(text[start])) start++;
        while (end > start && char.IsWhiteSpace(text[end - 1])) end--;
        return (start, end);
    }
}

// B rows, T tokens
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Tokenization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>
/// Tell where in a text the answer to a question begins and ends (Devlin et al. 2019, sections 4.2 and 4.3), with a model whose head is <see cref="ModelHead.QuestionAnswering"/>. A long text is
/// cut into rows that overlap; where a row has not the whole answer, or there is none, both places are the first token. The loss is the mean of the cross entropies of the two places.
/// </summary>
public sealed class QuestionAnswering : ILabelledObjective
{
    private const string Task = "the answering of questions";

    private readonly AnsweredQuestions _questions;
    private readonly TextTokenizer _tokenizer;
    private readonly QuestionAnsweringOptions _options;
    private readonly LabelledRows _rows;

    /// <summary>Splits questions.</summary>
    /// <param name="questions">The questions.</param>
    /// <param name="tokenizer">The model's tokenizer, which must put special tokens around a pair.</param>
    /// <param name="options">How to learn.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="CorpusException">All questions would be held out.</exception>
    public QuestionAnswering(AnsweredQuestions questions, TextTokenizer tokenizer, QuestionAnsweringOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(questions);
        ArgumentNullException.ThrowIfNull(tokenizer);
        (_questions, _tokenizer, _options) = (questions, tokenizer, options ?? new());
        _options.Validate();
        var (train, validation) = questions.Split(_options.ValidationFraction);
        _rows = new(length => Cut(train, length), length => validation is null ? [] : Cut(validation, length), tokenizer.SpecialTokens.Padding ?? 0);
    }

    /// <inheritdoc/>
    public string Name => "question-answering";

    /// <inheritdoc/>
    public ModelHead Head => ModelHead.QuestionAnswering;

    /// <inheritdoc/>
    public JsonObject Describe() => new()
    {
        ["objective"] = Name,
        ["questions"] = _questions.Count,
        ["sha256"] = _questions.Fingerprint,
        ["tokenizer"] = _tokenizer.Fingerprint,
        ["contextLength"] = _options.ContextLength,
        ["stride"] = _options.Stride,
        ["validationFraction"] = _options.ValidationFraction,
    };

    /// <inheritdoc/>
    /// <exception cref="CorpusException">A question is too long for a row.</exception>
    public int TrainingRows(ITransformerModel model) => _rows.Train(Limits(model).Length).Length;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head or too small a vocabulary or context, or <paramref name="state"/> is not from such a source.</exception>
    /// <exception cref="CorpusException">A question is too long for a row.</exception>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null)
    {
        var (length, knowsTypes) = Limits(model);
        return _rows.Open(streams, length, knowsTypes, batchSize, state);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has another head or too small a vocabulary or context.</exception>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize)
    {
        var (length, knowsTypes) = Limits(model);
        return _rows.Evaluation(length, knowsTypes, batchSize);
    }

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(batch);
        using DisposeScope scope = NewDisposeScope();
        var (input, targets) = BatchTensors.Of(batch, model.Device);   // targets (B, 2)
        Tensor logits = model.Forward(input).Logits.to(ScalarType.Float32);   // (B, T, 2)
        if (logits.ndim != 3 || logits.size(2) != 2) throw new ArgumentException($"The model's scores ({string.Join(", ", logits.shape)}) must be (B, T, 2), for beginnings and ends.", nameof(model));
        if (input.AttentionMask is { } mask) logits = logits.masked_fill(mask.eq(0).unsqueeze(-1), float.NegativeInfinity);
        Tensor places = logits.permute(2, 0, 1).reshape(2 * batch.Rows, batch.Length);   // (2B, T): beginnings, then ends
        return scope.MoveToOuter(CrossEntropy.Apply(places, targets.t().reshape(-1), normalizer));
    }

    private (int Length, bool KnowsTypes) Limits(ITransformerModel model) => HeadRules.Require(model, _tokenizer, Head, Task, _options.ContextLength);

    private LabelledRow[] Cut(AnsweredQuestions questions, int length)
    {
        LabelledRow[][] rows = new LabelledRow[questions.Count][];
        for (int i = 0; i < rows.Length; i++)
        {
            AnsweredQuestion question = questions.Examples[i];
            TextAnswer? answer = question.Answers.Count == 0 ? null : question.Answers[0];
            rows[i] = [.. QuestionWindows.Cut(_tokenizer, question.Id, question.Question, question.Context, length, _options.Stride)
                .Select(window => new LabelledRow(window, QuestionWindows.Targets(window, answer)))];
        }
        return [.. rows.SelectMany(row => row)];
    }
}

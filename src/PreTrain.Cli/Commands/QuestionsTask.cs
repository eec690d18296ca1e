using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Commands;

/// <summary>The answers to questions, in a text.</summary>
internal sealed class QuestionsTask : IHeadTask
{
    private readonly Option<int?> _stride = Options.NotNegative("--stride", "The tokens that two successive rows of a long text share. The default is a quarter of a row.");

    public string Name => "qa";

    public string Title => "to find the answers to questions in texts";

    public string DataDescription => $"Files of SQuAD's JSON, plain or compressed: files, patterns with * and **, or {CorpusOption.SdkDocs} for the parameters in the documentation of the .NET SDK.";

    public IEnumerable<Option> Reading => [_stride];

    public IEnumerable<Option> Learning => [];

    public HeadOptions OptionsOf(ITransformerModel model, TextTokenizer tokenizer)
    {
        _ = new AnswerFinder(model, tokenizer);   // its head is looked at
        return new();
    }

    public IHeadData Read(ParseResult parsed, string[] data, string[] labels, HeadOptions? model)
    {
        if (labels.Length > 0) throw new UsageException("--labels is of no effect with questions; leave it out.");
        return new QuestionData(this, CorpusOption.IsSdkDocs(data) ? AnsweredQuestions.FromSdkDocumentation(new SdkDocumentation()) : AnsweredQuestions.FromSquad(data));
    }

    private sealed class QuestionData(QuestionsTask task, AnsweredQuestions questions) : IHeadData
    {
        public ModelHead Head => ModelHead.QuestionAnswering;

        public HeadOptions HeadOptions => new();

        public string Summary => $"{questions.Count} questions";

        public ILabelledObjective Objective(ParseResult parsed, TextTokenizer tokenizer, int? context, double validationFraction) =>
            new QuestionAnswering(questions, tokenizer, new() { ContextLength = context, ValidationFraction = validationFraction, Stride = parsed.GetValue(task._stride) });

        public IReadOnlyDictionary<string, double>? Measure(ParseResult parsed, ITransformerModel model, TextTokenizer tokenizer, int? context, double heldOut, int batch, CancellationToken cancellation)
        {
            if ((heldOut == 0 ? questions : questions.Split(heldOut).Validation) is not { } measured) return null;
            return new AnswerFinder(model, tokenizer, context).Evaluate(measured, new() { AllowsNoAnswer = questions.HaveUnanswered, Stride = parsed.GetValue(task._stride) }, batch, cancellation);
        }
    }
}

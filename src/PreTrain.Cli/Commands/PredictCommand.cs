using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain predict</c>: what a model with a head says of texts: a class, names, or the answer to a question.</summary>
internal sealed class PredictCommand
{
    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string[]> _text = new("--text") { Description = "A text; may be given several times.", HelpName = "TEXT" };
    private readonly Option<string?> _file = Options.Text("--file", "FILE", "A file with a text on each line, or with --question one text.");
    private readonly Option<string?> _pair = Options.Text("--pair", "TEXT", "The second text of a pair, for the model of a pair's class.");
    private readonly Option<string?> _question = Options.Text("--question", "TEXT", "The question that is to be answered from the text.");
    private readonly Option<int?> _count = Options.Positive("--count", "The answers to a question that are told, the most probable first. The default is 1.");
    private readonly Option<bool> _noAnswer = new("--no-answer") { Description = "That the text has no answer may be told." };
    private readonly Option<int?> _context = Options.Positive("--context", "The longest row, in tokens. The default is that of the model.");

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var options = new PredictCommand();
        var command = new Command("predict", "What a fine-tuned model says of texts: a class with its probability, names, or the answer to a question.")
        {
            options._model, options._text, options._file, options._pair, options._question, options._count, options._noAnswer, options._context,
        };
        add(root, command, options.Run);
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        string? question = parsed.GetValue(_question);
        string[] texts = Texts(parsed, question is not null);
        torch.Device device = session.Start();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        if (LoadedWeights.Of(model) is { New: [var missing, ..] }) throw new CheckpointException(folder, missing, "it is missing, so that the model has no trained head. Fine-tune it first.");
        RequireFits(parsed, model.Head);
        int? context = parsed.GetValue(_context);
        switch (model.Head)
        {
            case ModelHead.SequenceClassification:
                Classify(session, new TextClassifier(model, tokenizer, context), texts, parsed.GetValue(_pair));
                break;
            case ModelHead.TokenClassification:
                FindNames(session, new NameFinder(model, tokenizer, context), texts);
                break;
            case ModelHead.QuestionAnswering:
                if (question is null) throw new UsageException("--question must be given: the model answers questions from texts.");
                Answer(session, new AnswerFinder(model, tokenizer, context), question, texts[0], new() { Count = parsed.GetValue(_count) ?? 1, AllowsNoAnswer = parsed.GetValue(_noAnswer) });
                break;
            default:
                throw new UsageException($"--model ({folder}) has the head {model.Head}, and says nothing of texts. Fine-tune it first: pretrain finetune.");
        }
    }

    private string[] Texts(ParseResult parsed, bool isOne)
    {
        string[] given = parsed.GetValue(_text) ?? [];
        string? file = parsed.GetValue(_file);
        if (given.Length == 0 == (file is null)) throw new UsageException("Either --text or --file must be given.");
        string[] texts = file is null ? given : TokenizerEncodeCommand.Texts(file, whole: isOne);
        if (isOne && texts.Length != 1) throw new UsageException($"--question takes one text, and there are {texts.Length}.");
        if (Array.FindIndex(texts, string.IsNullOrWhiteSpace) is not (>= 0 and var empty)) return texts;
        throw file is null ? new UsageException("A text is empty, and nothing can be said of it.") : new CorpusException($"The file '{file}' has no text{(isOne ? "" : $" in line {empty + 1}")}.", file);
    }

    private void RequireFits(ParseResult parsed, ModelHead head)
    {
        foreach (var (option, owner) in new (Option, ModelHead)[] { (_pair, ModelHead.SequenceClassification), (_question, ModelHead.QuestionAnswering), (_count, ModelHead.QuestionAnswering), (_noAnswer, ModelHead.QuestionAnswering) })
            if (owner != head && parsed.GetResult(option) is { Implicit: false }) throw new UsageException($"{option.Name} is for models with the head {owner}, and this one has {head}.");
    }

    private static void Classify(Session session, TextClassifier classifier, string[] texts, string? pair)
    {
        IReadOnlyList<ClassifiedText> said = classifier.Predict(texts, pair is null ? null : [.. texts.Select(_ => pair)], cancellationToken: session.Cancellation);
        Write(session, said, (json, text) =>
        {
            if (text.Value is { } value) json.WriteFinite("value", value);
            else
            {
                json.WriteStartArray("labels");
                foreach (string label in text.Labels) json.WriteStringValue(label);
                json.WriteEndArray();
                json.WriteStartObject("probabilities");
                for (int i = 0; i < text.Probabilities.Count; i++) json.WriteNumber(classifier.Labels[i], text.Probabilities[i]);
                json.WriteEndObject();
            }
        }, (text, i) => text.Value is { } value ? string.Create(CultureInfo.InvariantCulture, $"{value:G6}  {texts[i]}")
            : $"{(text.Labels.Count == 0 ? "none" : string.Join(", ", text.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"{label} {text.Probabilities[classifier.Labels.Find(label)!.Value]:F3}"))))}  {texts[i]}");
    }

    private static void FindNames(Session session, NameFinder finder, string[] texts) => Write(session, [.. finder.Predict(texts, cancellationToken: session.Cancellation).Zip(texts)], (json, read) =>
    {
        json.WriteStartArray("names");
        foreach (FoundName name in read.First.Names)
        {
            json.WriteStartObject();
            json.WriteString("type", name.Type);
            json.WriteString("text", name.Text);
            json.WriteNumber("start", PointOf(read.Second, name.Start));
            json.WriteNumber("end", PointOf(read.Second, name.End));
            json.WriteNumber("probability", name.Probability);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }, (read, i) => $"{texts[i]}{string.Concat(read.First.Names.Select(name => string.Create(CultureInfo.InvariantCulture, $"\n  {name.Type} {name.Probability:F3}  {name.Text}")))}");

    private static void Answer(Session session, AnswerFinder finder, string question, string context, AnswerOptions options) =>
        Write(session, finder.Predict(question, context, options, session.Cancellation), (json, answer) =>
        {
            json.WriteString("answer", answer.IsNone ? null : answer.Text);
            json.WriteNumber("start", PointOf(context, answer.Start));
            json.WriteNumber("end", PointOf(context, answer.End));
            json.WriteNumber("score", answer.Score);
            json.WriteNumber("probability", answer.Probability);
        }, (answer, _) => string.Create(CultureInfo.InvariantCulture, $"{answer.Probability:F3}  {(answer.IsNone ? "(no answer)" : answer.Text)}"));

    /// <summary>A place as the data sets count it, in characters (code points).</summary>
    private static int PointOf(string text, int place) => text[..place].EnumerateRunes().Count();

    private static void Write<T>(Session session, IReadOnlyList<T> items, Action<Utf8JsonWriter, T> json, Func<T, int, string> text) => session.Result(writer =>
    {
        writer.WriteStartArray("predictions");
        foreach (T item in items)
        {
            writer.WriteStartObject();
            json(writer, item);
            writer.WriteEndObject();
        }
        writer.WriteEndArray();
    }, output =>
    {
        for (int i = 0; i < items.Count; i++) output.WriteLine(text(items[i], i));
    });
}

using System.CommandLine;
using PreTrain.Cli.Hosting;
using PreTrain.Models;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain evaluate classify</c>, <c>tokens</c> and <c>qa</c>: how well a model with a head does its task.</summary>
internal sealed class EvaluateCommand
{
    private const int DefaultBatch = 32;

    private readonly IHeadTask _task;
    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string[]> _data;
    private readonly Option<int?> _batch = Options.Positive("--batch", $"Rows that are computed together. The default is {DefaultBatch}.");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest row, in tokens. The default is that of the model.");
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "Measure only the examples that a training with this share held out. The default is 0, for all.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");

    private EvaluateCommand(IHeadTask task)
    {
        _task = task;
        _data = CorpusOption.Create(required: true, task.DataDescription);
    }

    public static void AddTo(Command evaluate, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        foreach (IHeadTask task in FinetuneCommand.Tasks)
        {
            var options = new EvaluateCommand(task);
            var command = new Command(task.Name, $"How well a model was trained {task.Title}.") { options._model, options._data, options._batch, options._context, options._validationFraction };
            foreach (Option option in task.Reading) command.Options.Add(option);
            add(evaluate, command, options.Run);
        }
    }

    private void Run(ParseResult parsed, Session session)
    {
        string folder = parsed.GetRequiredValue(_model)!;
        torch.Device device = session.Start();
        using ITransformerModel model = ModelFolder.LoadModel(session, folder, device);
        TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
        IHeadData data = _task.Read(parsed, parsed.GetRequiredValue(_data), [], _task.OptionsOf(model, tokenizer));
        session.Detail(data.Summary);
        IReadOnlyDictionary<string, double> metrics = data.Measure(parsed, model, tokenizer, parsed.GetValue(_context), parsed.GetValue(_validationFraction) ?? 0, parsed.GetValue(_batch) ?? DefaultBatch, session.Cancellation)
            ?? throw new UsageException("--validation-fraction leaves no example that is held out; use a larger one, or leave it out to measure all.");
        session.Result(json => MetricsText.Write(json, metrics), text => MetricsText.Write(text, metrics));
    }
}

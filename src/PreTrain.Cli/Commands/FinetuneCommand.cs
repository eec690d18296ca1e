using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Hosting;
using PreTrain.Data;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune classify</c>, <c>tokens</c> and <c>qa</c>: trains a pre-trained model with a head on labelled examples.</summary>
internal sealed class FinetuneCommand
{
    private const double DefaultEpochs = 3, DefaultValidationFraction = 0.1;
    private const int UnlimitedRow = 512, LongRun = 1_000_000_000, BaseWidth = 768;

    private readonly IHeadTask _task;
    private readonly Option<string?> _model = TunedModel.CreateOption();
    private readonly Option<string[]> _data;
    private readonly RunChoice _run = new("The run's folder: its model/ is a Hugging Face folder, or with --adapter an adapter, which merged/ has in its weights or base/ is for.", "Rows", "what --epochs come to",
        AdapterChoice.RateText("5e-4 below 768, 5e-5 at 768 and 2e-5 from 1024 on"));
    private readonly ReportChoice _reports = new();
    private readonly Option<double?> _epochs = Options.Number("--epochs", $"How often every row is learned, instead of --steps. The default is {DefaultEpochs}.", epochs => epochs > 0, "must be a positive number");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest row, in tokens. The default is that of the model.");
    private readonly Option<double?> _validationFraction = TunedModel.CreateFraction("examples", DefaultValidationFraction);
    private readonly Option<double?> _dropout = TunedModel.CreateDropout();
    private readonly AdapterChoice _adapter = new();
    private readonly Option<string[]> _labels = new("--labels") { Description = "The labels that may occur, in their order. The default is those of the model where it tells all that do occur already, else these.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };

    private FinetuneCommand(IHeadTask task)
    {
        _task = task;
        _data = CorpusOption.Create(required: true, task.DataDescription);
    }

    /// <summary>The tasks, for the commands that train and measure.</summary>
    public static IReadOnlyList<IHeadTask> Tasks => [new ClassifyTask(), new TokensTask(), new QuestionsTask()];

    public static void AddTo(Command root, Action<Command, Command, Action<ParseResult, Session>> add)
    {
        var parent = new Command("finetune", "Trains a pre-trained model for a task.");
        root.Subcommands.Add(parent);
        foreach (IHeadTask task in Tasks)
        {
            var options = new FinetuneCommand(task);
            var command = new Command(task.Name, $"Trains a model {task.Title}, and saves it as a Hugging Face folder.")
            {
                options._model, options._data, options._run.Output, options._epochs, options._context, options._validationFraction, options._labels, options._dropout,
            };
            foreach (Option option in task.Reading.Concat(task.Learning).Concat(options._adapter.All).Concat(options._run.All).Concat(options._reports.WithoutText)) command.Options.Add(option);
            add(parent, command, options.Run);
        }
        FinetuneChatCommand.AddTo(parent, add);
        FinetuneSeq2SeqCommand.AddTo(parent, add);
        FinetuneEmbedCommand.AddTo(parent, add);
    }

    private void Run(ParseResult parsed, Session session)
    {
        if (_run.HasSteps(parsed) && parsed.GetValue(_epochs) is not null) throw new UsageException("--steps and --epochs exclude each other: both are the length of the run.");
        _adapter.Check(parsed);
        string folder = parsed.GetRequiredValue(_model)!;
        if (!_run.OnlyPrints(parsed)) TunedModel.CheckFolders(folder, _run.Training(parsed, session, LongRun, 1));   // before anything is read
        double validationFraction = parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;
        torch.Device device = session.Start(), home = _adapter.HomeOf(parsed, device);
        RunChoice.Interruptible(session, () =>
        {
            IHeadData data = Read(parsed, folder);
            ITransformerModel Load() => ModelFolder.LoadModel(session, folder, home, data.Head, data.HeadOptions with { Dropout = parsed.GetValue(_dropout) });
            using ITransformerModel model = Load();
            using IAdapter? adapter = _adapter.Adapt(parsed, session, model, device);
            TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
            ILabelledObjective objective = data.Objective(parsed, tokenizer, parsed.GetValue(_context), validationFraction);
            int rows = objective.TrainingRows(model);
            var width = new ModelWidth(model);
            int StepsOf(double epochs) => (int)Math.Clamp(Math.Ceiling(epochs * rows / _run.RowsOfStep(parsed)), 1, int.MaxValue);
            int? epochSteps = _run.HasSteps(parsed) ? null : StepsOf(1);
            TrainingOptions training = _run.Training(parsed, session, StepsOf(parsed.GetValue(_epochs) ?? DefaultEpochs), _adapter.RateOf(parsed, RateOf(width.Embedding), width.Embedding < BaseWidth), epochSteps);
            JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, training, validationFraction));
            if (_run.Prints(parsed, session, configuration)) return;

            session.Log($"{data.Summary}, of which {rows} rows are learned; a {model.ModelType} of width {width.Embedding}, {training.Steps} steps.");
            TunedModel.LogShortened(session, "text", objective.CutTexts(model));
            LoadedWeights loaded = LoadedWeights.Of(model)!;
            if (loaded.New.Count > 0) session.Log($"New, and to be trained: {string.Join(", ", loaded.New)}.");
            if (loaded.LeftOut.Count > 0) session.Log($"Left out of the folder: {string.Join(", ", loaded.LeftOut)}.");
            _adapter.Align(parsed, session, adapter, objective, training);
            Train(parsed, session, training with { Tokenizer = tokenizer, Weights = adapter }, configuration, data, model, adapter, objective, validationFraction, Load);
        });
    }

    /// <summary>The data, its labels numbered as a head does that tells them all already, which is trained further then.</summary>
    private IHeadData Read(ParseResult parsed, string folder)
    {
        string[] files = parsed.GetRequiredValue(_data)!, labels = parsed.GetValue(_labels) ?? [];
        IHeadData data = _task.Read(parsed, files, labels, null);
        return labels.Length == 0 && !CorpusOption.IsSdkDocs(files) && data.HeadOptions.Labels is { } found && ModelFolder.LabelsOf(folder, data.Head) is { } known
            && !found.Equals(known) && found.Names.All(name => known.Find(name) is not null) ? _task.Read(parsed, files, [.. known.Names], null) : data;
    }

    private void Train(ParseResult parsed, Session session, TrainingOptions training, JsonObject configuration, IHeadData data, ITransformerModel model, IAdapter? adapter, ILabelledObjective objective, double validationFraction, Func<ITransformerModel> reload)
    {
        TransformerCost cost = new ModelWidth(model).CostOf(parsed.GetValue(_context) ?? Math.Min(UnlimitedRow, ModelFolder.Sizes(model)!.Value.Context));
        using RunReports reports = _reports.Create(parsed, null, cost, configuration, ("", 0));
        RunChoice.Train(session, training, reports, options => new Trainer(options).Run(model, objective, session.Cancellation), result =>
        {
            AdapterChoice.LoadSaved(adapter ?? (IPretrainedModel)model, training, result);
            _adapter.Finish(parsed, adapter, training, result, reload, (whole, parts) => whole.SavePretrained(parts));
            if (validationFraction == 0) return null;
            using ITransformerModel? saved = _adapter.SavesOtherWeights(parsed) ? ModelFolder.LoadModel(session, training.Output, _adapter.HomeOf(parsed, model.Device)) : null;
            return data.Measure(parsed, saved ?? model, training.Tokenizer!, parsed.GetValue(_context), validationFraction, training.BatchSize, session.Cancellation);
        }, data.HeadOptions.Task != ClassificationTask.Regression);
    }

    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, TrainingOptions training, double validationFraction) =>
    [
        (_epochs, null), (_validationFraction, validationFraction), .. _adapter.Effective(parsed), .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
    ];

    /// <summary>The rates of Devlin et al. 2019, appendix A.3, and a higher one for small models.</summary>
    private static double RateOf(int embeddingDim) => embeddingDim switch
    {
        < BaseWidth => 5e-4,
        < 1024 => TunedModel.LearningRate,
        _ => 2e-5,
    };
}

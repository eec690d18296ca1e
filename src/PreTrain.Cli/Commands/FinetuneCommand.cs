using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Checkpoints;
using PreTrain.Cli.Hosting;
using PreTrain.FineTuning;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;

namespace PreTrain.Cli.Commands;

/// <summary><c>pretrain finetune classify</c>, <c>tokens</c> and <c>qa</c>: trains a pre-trained model with a head on labelled examples.</summary>
internal sealed class FinetuneCommand
{
    private const double DefaultEpochs = 3, DefaultValidationFraction = 0.1;
    private const int UnlimitedRow = 512, LongRun = 1_000_000_000;

    private readonly IHeadTask _task;
    private readonly Option<string?> _model = Options.Text("--model", "DIR", ModelFolder.Description, required: true);
    private readonly Option<string[]> _data;
    private readonly RunChoice _run = new("The run's folder: its model/ is a Hugging Face folder, or with --lora-rank an adapter, which merged/ has in its weights.", "Rows", "what --epochs come to",
        "5e-4 below 768, 5e-5 at 768 and 2e-5 from 1024 on; with --lora-rank 2e-3 and 3e-4");
    private readonly ReportChoice _reports = new();
    private readonly Option<double?> _epochs = Options.Number("--epochs", $"How often every row is learned, instead of --steps. The default is {DefaultEpochs}.", epochs => epochs > 0, "must be a positive number");
    private readonly Option<int?> _context = Options.Positive("--context", "The longest row, in tokens. The default is that of the model.");
    private readonly Option<double?> _validationFraction = Options.Number("--validation-fraction", "The share of the examples that is held out, and measured at the end. The default is 0.1.", share => share is >= 0 and < 1,
        "must be a number from 0 to below 1");
    private readonly Option<string[]> _labels = new("--labels") { Description = "The labels that may occur, in their order. The default is those that do.", HelpName = "NAME", AllowMultipleArgumentsPerToken = true };
    private readonly Option<int?> _loraRank = Options.Positive("--lora-rank", "Train low-rank updates of this rank instead of the weights (LoRA).");
    private readonly Option<double?> _loraAlpha = Options.Number("--lora-alpha", "The scale of the updates times their rank. The default is twice the rank.", alpha => alpha > 0, "must be a positive number");
    private readonly Option<double?> _loraDropout = Options.Number("--lora-dropout", "The share of what the updates read that is dropped. The default is 0.", share => share is >= 0 and < 1, "must be a number from 0 to below 1");

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
                options._model, options._data, options._run.Output, options._epochs, options._context, options._validationFraction, options._labels, options._loraRank, options._loraAlpha, options._loraDropout,
            };
            foreach (Option option in task.Reading.Concat(task.Learning).Concat(options._run.All).Concat(options._reports.WithoutText)) command.Options.Add(option);
            add(parent, command, options.Run);
        }
        FinetuneChatCommand.AddTo(parent, add);
        FinetuneSeq2SeqCommand.AddTo(parent, add);
        FinetuneEmbedCommand.AddTo(parent, add);
    }

    private void Run(ParseResult parsed, Session session)
    {
        if (_run.HasSteps(parsed) && parsed.GetValue(_epochs) is not null) throw new UsageException("--steps and --epochs exclude each other: both are the length of the run.");
        if (parsed.GetValue(_loraRank) is null && (parsed.GetValue(_loraAlpha) is not null || parsed.GetValue(_loraDropout) is not null)) throw new UsageException("--lora-alpha and --lora-dropout belong to --lora-rank, which is not given.");
        RunChoice.CheckFolder(_run.Training(parsed, session, LongRun, 1));   // before anything is read
        string folder = parsed.GetRequiredValue(_model)!;
        double validationFraction = parsed.GetValue(_validationFraction) ?? DefaultValidationFraction;
        torch.Device device = session.Start();
        RunChoice.Interruptible(session, () =>
        {
            IHeadData data = _task.Read(parsed, parsed.GetRequiredValue(_data), parsed.GetValue(_labels) ?? [], null);
            using ITransformerModel model = ModelFolder.LoadModel(session, folder, device, data.Head, data.HeadOptions);
            TextTokenizer tokenizer = ModelFolder.LoadTokenizer(folder, model);
            ILabelledObjective objective = data.Objective(parsed, tokenizer, parsed.GetValue(_context), validationFraction);
            int rows = objective.TrainingRows(model);
            var width = new ModelWidth(model);
            int steps = (int)Math.Clamp(Math.Ceiling((parsed.GetValue(_epochs) ?? DefaultEpochs) * rows / _run.RowsOfStep(parsed)), 1, int.MaxValue);
            bool adapts = parsed.GetValue(_loraRank) is not null;
            TrainingOptions training = _run.Training(parsed, session, steps, RateOf(width.Embedding, adapts));
            JsonObject configuration = RunConfiguration.Describe(parsed, Effective(parsed, session, training, validationFraction));
            if (_run.Prints(parsed, session, configuration)) return;

            session.Log($"{data.Summary}, of which {rows} rows are learned; a {model.ModelType} of width {width.Embedding}, {training.Steps} steps.");
            LoadedWeights loaded = LoadedWeights.Of(model)!;
            if (loaded.New.Count > 0) session.Log($"New, and to be trained: {string.Join(", ", loaded.New)}.");
            if (loaded.LeftOut.Count > 0) session.Log($"Left out of the folder: {string.Join(", ", loaded.LeftOut)}.");
            Train(parsed, session, training with { Tokenizer = tokenizer }, configuration, data, model, objective, validationFraction);
        });
    }

    private void Train(ParseResult parsed, Session session, TrainingOptions training, JsonObject configuration, IHeadData data, ITransformerModel model, ILabelledObjective objective, double validationFraction)
    {
        string merged = Path.Combine(training.Output, ModelFolder.Merged);
        using LoraAdapter? adapter = Adapt(parsed, session, model);
        TransformerCost cost = new ModelWidth(model).CostOf(parsed.GetValue(_context) ?? Math.Min(UnlimitedRow, ModelFolder.Sizes(model)!.Value.Context));
        using RunReports reports = _reports.Create(parsed, null, cost, configuration, ("", 0));
        RunChoice.Train(session, training with { Weights = adapter }, reports, options =>
        {
            var former = new FormerFolder(merged);
            return new Trainer(options with { Callbacks = [.. options.Callbacks, former] }).Run(model, objective, session.Cancellation);
        }, result =>
        {
            // What was saved may be the best one or an average, and not the last.
            if (result.ModelStep != result.Steps || training.Average is { Save: true }) (adapter ?? (IPretrainedModel)model).LoadPretrained(result.ModelFolder);
            IReadOnlyDictionary<string, double>? metrics = validationFraction == 0 ? null : data.Measure(parsed, model, training.Tokenizer!, parsed.GetValue(_context), validationFraction, training.BatchSize);
            if (adapter is null) return metrics;
            adapter.Merge();
            AtomicFolder.Write(merged, parts =>
            {
                model.SavePretrained(parts);
                training.Tokenizer!.Save(parts);
            });
            return metrics;
        });
    }

    private LoraAdapter? Adapt(ParseResult parsed, Session session, ITransformerModel model)
    {
        if (parsed.GetValue(_loraRank) is not { } rank) return null;
        using torch.Generator generator = new RandomStreams(new RandomStreams(session.Seed).SeedOf("init")).CreateGenerator("init");   // not what the head was drawn from
        return new LoraAdapter(model, new LoraOptions { Rank = rank, Alpha = parsed.GetValue(_loraAlpha) ?? 2 * rank, Dropout = parsed.GetValue(_loraDropout) ?? 0 }, generator: generator);
    }

    private IEnumerable<(Option, JsonNode?)> Effective(ParseResult parsed, Session session, TrainingOptions training, double validationFraction) =>
    [
        (_epochs, null), (_validationFraction, validationFraction), (_loraAlpha, parsed.GetValue(_loraRank) is { } rank ? parsed.GetValue(_loraAlpha) ?? 2 * rank : null),
        .. _run.Effective(training), .. _reports.Effective(parsed), .. session.Effective,
    ];

    /// <summary>The rates of Devlin et al. 2019, appendix A.3, and Hu et al. 2021, appendix D, and higher ones for small models.</summary>
    private static double RateOf(int embeddingDim, bool adapts) => embeddingDim switch
    {
        < 768 => adapts ? 2e-3 : 5e-4,
        < 1024 => adapts ? 3e-4 : 5e-5,
        _ => adapts ? 3e-4 : 2e-5,
    };

    /// <summary>Deletes what a run before merged, as soon as this one begins: it would be taken for what this one learns.</summary>
    private sealed class FormerFolder(string folder) : ITrainingCallback
    {
        public void OnStart(TrainingRun run)
        {
            if (Directory.Exists(folder)) Directory.Delete(folder, recursive: true);
        }
    }
}

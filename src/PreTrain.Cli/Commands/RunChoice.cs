using System.CommandLine;
using System.Text.Json.Nodes;
using PreTrain.Cli.Display;
using PreTrain.Cli.Hosting;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Cli.Commands;

/// <summary>The options of any pre-training, whatever it learns from, and what happens around it.</summary>
internal sealed class RunChoice
{
    private static readonly TrainingOptions s_defaults = new() { Output = "" };

    private static readonly (string Word, Precision Value)[] s_precisions = [("fp32", Precision.Float32), ("bf16", Precision.BFloat16), ("fp16", Precision.Float16)];

    private readonly Option<int?> _batch;
    private readonly Option<int?> _accumulate = Options.Positive("--accumulate", $"Micro-batches of a step. The default is {s_defaults.AccumulationSteps}.");
    private readonly Option<int?> _steps;
    private readonly Option<double?> _learningRate;
    private readonly ScheduleChoice _schedule = new();
    private readonly OptimizerChoice _optimizer = new();
    private readonly ReliabilityChoice _reliability = new();
    private readonly Option<Precision?> _precision = Options.Choice("--precision", "The format of activations and of the weights that they meet; bf16 is fast with AMX and on CUDA, fp16 is for CUDA devices without it. The default is fp32.", s_precisions);
    private readonly Option<int?> _checkpointEvery = Options.NotNegative("--checkpoint-every", $"Steps between two checkpoints; 0 for one at the end. The default is {s_defaults.CheckpointEvery}.");
    private readonly Option<int?> _evaluateEvery;
    private readonly Option<int?> _logEvery = Options.Positive("--log-every", $"Steps between two lines of metrics.jsonl and of the log. The default is {s_defaults.LogEvery}.");
    private readonly Option<bool> _resume = new("--resume") { Description = "Go on with the run in --output, from its newest complete checkpoint." };
    private readonly Option<bool> _overwrite = new("--overwrite") { Description = "Replace the run in --output." };
    private readonly Option<string?> _config = RunConfiguration.CreateOption();
    private readonly Option<bool> _printConfig = new("--print-config") { Description = "Print all options of the run with their values as JSON, as --config takes it, and end." };

    /// <param name="output">What <c>--output</c> is.</param>
    /// <param name="rows">What a micro-batch is made of.</param>
    /// <param name="usualSteps">How many steps there are where nobody says it; null for a number that is always the same.</param>
    /// <param name="usualRate">What the learning rate is where nobody says it; null for that of a pre-training.</param>
    public RunChoice(string output, string rows, string? usualSteps = null, string? usualRate = null)
    {
        _steps = Options.Positive("--steps", $"Updates of the weights. The default is {usualSteps ?? $"{s_defaults.Steps}"}.");
        _learningRate = Options.Number("--learning-rate", $"The highest learning rate. The default depends on the optimizer and the width: of adamw {usualRate ?? "1e-3 below 768, 6e-4 to 2e-4 from there on"}.",
            rate => rate > 0, "must be a positive number");
        _evaluateEvery = Options.NotNegative("--evaluate-every", $"Steps between two evaluations; 0 for one at the end. The default is {s_defaults.EvaluateEvery}{(usualSteps is null ? "" : ", or the steps of an epoch where those are fewer")}.");
        Output = Options.Text("--output", "DIR", output, required: true);
        _batch = Options.Positive("--batch", $"{rows} of a micro-batch: what is in memory at once. The default is {s_defaults.BatchSize}.");
    }

    /// <summary>The folder of the run.</summary>
    public Option<string?> Output { get; }

    /// <summary>All options but <see cref="Output"/>.</summary>
    public IEnumerable<Option> All =>
    [
        _batch, _accumulate, _steps, _learningRate, _precision, _checkpointEvery, _evaluateEvery, _logEvery, _resume, _overwrite, _config, _printConfig,
        .. _schedule.All, .. _optimizer.All, .. _reliability.All,
    ];

    /// <summary>The options of a training.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The call of the tool.</param>
    /// <param name="embeddingDim">The model's width, which the default learning rate depends on.</param>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public TrainingOptions Training(ParseResult parsed, Session session, int embeddingDim) => Training(parsed, session, s_defaults.Steps, DefaultLearningRate(embeddingDim));

    /// <summary>Whether the number of steps is given.</summary>
    public bool HasSteps(ParseResult parsed) => parsed.GetValue(_steps) is not null;

    /// <summary>The sequences of a step.</summary>
    public int RowsOfStep(ParseResult parsed) => (parsed.GetValue(_batch) ?? s_defaults.BatchSize) * (parsed.GetValue(_accumulate) ?? s_defaults.AccumulationSteps);

    /// <summary>The options of a training.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="session">The call of the tool.</param>
    /// <param name="usualSteps">The steps where none are given; null for those of a pre-training.</param>
    /// <param name="usualRate">The learning rate of AdamW where none is given.</param>
    /// <param name="epochSteps">The steps of an epoch, the most between two evaluations where nobody says it; null where the run is not measured in epochs.</param>
    /// <exception cref="UsageException">Options do not fit together.</exception>
    public TrainingOptions Training(ParseResult parsed, Session session, int? usualSteps, double usualRate, int? epochSteps = null)
    {
        var options = new TrainingOptions
        {
            Output = Path.GetFullPath(parsed.GetRequiredValue(Output)!),
            Steps = parsed.GetValue(_steps) ?? usualSteps ?? s_defaults.Steps,
            BatchSize = parsed.GetValue(_batch) ?? s_defaults.BatchSize,
            AccumulationSteps = parsed.GetValue(_accumulate) ?? s_defaults.AccumulationSteps,
            LearningRate = parsed.GetValue(_learningRate) ?? _optimizer.DefaultLearningRate(parsed, usualRate),
            Precision = parsed.GetValue(_precision) ?? s_defaults.Precision,
            Seed = session.Seed,
            CheckpointEvery = parsed.GetValue(_checkpointEvery) ?? s_defaults.CheckpointEvery,
            EvaluateEvery = parsed.GetValue(_evaluateEvery) ?? Math.Min(s_defaults.EvaluateEvery, epochSteps ?? int.MaxValue),
            LogEvery = parsed.GetValue(_logEvery) ?? s_defaults.LogEvery,
            Resume = parsed.GetValue(_resume),
            Overwrite = parsed.GetValue(_overwrite),
        };
        if (options.Resume && options.Overwrite)
            throw new UsageException("--resume and --overwrite exclude each other: one keeps the run in --output, the other replaces it.");
        options = _reliability.Apply(parsed, _optimizer.Apply(parsed, _schedule.Apply(parsed, options)));
        options.Validate();
        return options;
    }

    /// <summary>Values of options that are not what was given.</summary>
    public IEnumerable<(Option, JsonNode?)> Effective(TrainingOptions training) =>
    [
        (_steps, training.Steps), (_batch, training.BatchSize), (_accumulate, training.AccumulationSteps), (_precision, WordOf(training.Precision)), (_learningRate, training.LearningRate),
        (_checkpointEvery, training.CheckpointEvery), (_evaluateEvery, training.EvaluateEvery), (_logEvery, training.LogEvery),
        .. _schedule.Effective(training), .. _optimizer.Effective(training), .. _reliability.Effective(training),
    ];

    /// <summary>Whether the configuration is all that is wanted, so that no folder needs to be free.</summary>
    public bool OnlyPrints(ParseResult parsed) => parsed.GetValue(_printConfig);

    /// <summary>Prints the configuration where that is all that is wanted.</summary>
    public bool Prints(ParseResult parsed, Session session, JsonObject configuration)
    {
        if (!OnlyPrints(parsed)) return false;
        session.Output.Write(RunConfiguration.Write(configuration));
        session.Output.Flush();
        return true;
    }

    /// <summary>Requires the output to be free, or a run that is to go on or to be replaced, and puts back what an overwriting run left aside that was killed before its first step.</summary>
    public static void CheckFolder(TrainingOptions training)
    {
        string output = training.Output;
        if (File.Exists(output)) throw new UsageException($"--output ({output}) is a file; it must be a folder, or a name that is free.");
        if (!training.Resume && !training.Overwrite && HoldsRun(output))
            throw new UsageException($"--output ({output}) already holds a run. Go on with it with --resume, replace it with --overwrite, or choose another folder.");
        if (training.Resume || training.Overwrite) FormerFolders.Recover(output);
    }

    /// <summary>Runs what may be interrupted before its first step.</summary>
    public static void Interruptible(Session session, Action action)
    {
        try
        {
            action();
        }
        catch (OperationCanceledException) when (session.Cancellation.IsCancellationRequested)
        {
            throw BeforeFirstStep(session);
        }
    }

    /// <summary>Trains with a display and reports, does what is left to do, and tells the result.</summary>
    public static void Train(Session session, TrainingOptions training, RunReports reports, Func<TrainingOptions, TrainingResult> train, Action<TrainingResult> finish, bool hasPerplexity = true) =>
        Train(session, training, reports, train, result =>
        {
            finish(result);
            return null;
        }, hasPerplexity);

    /// <summary>Trains with a display and reports, and tells the result.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="training">How to train.</param>
    /// <param name="reports">What is written about the run.</param>
    /// <param name="train">Trains.</param>
    /// <param name="measure">Further measures of what was trained, by name; null for none.</param>
    /// <param name="hasPerplexity">Whether the loss is a cross entropy, which has a perplexity.</param>
    public static void Train(Session session, TrainingOptions training, RunReports reports, Func<TrainingOptions, TrainingResult> train,
        Func<TrainingResult, IReadOnlyDictionary<string, double>?>? measure = null, bool hasPerplexity = true)
    {
        using FormerFolders former = AdapterChoice.Former(training);
        TrainingResult result = TrainingDisplay.Run(session, training with { Callbacks = [.. training.Callbacks, .. reports.Start(), former] }, options =>
        {
            try
            {
                return train(options);
            }
            catch (Exception fault)
            {
                reports.Fail(fault);
                throw;
            }
        });
        if (result is { Interrupted: true, Steps: 0 }) throw BeforeFirstStep(session);
        if (result.Interrupted)
            throw new InterruptedException($"Interrupted after step {result.Steps}; the state is saved in '{Path.Combine(result.Output, "checkpoints")}'. Go on with: {Command(session, resumes: true)}");
        RunResult.Write(session, result, reports.Efficiency.Current, Measured(session, result, measure), hasPerplexity);
    }

    private static IReadOnlyDictionary<string, double>? Measured(Session session, TrainingResult result, Func<TrainingResult, IReadOnlyDictionary<string, double>?>? measure)
    {
        try
        {
            return measure?.Invoke(result);
        }
        catch (OperationCanceledException) when (session.Cancellation.IsCancellationRequested)
        {
            throw new InterruptedException($"Interrupted after the last step; the model is saved in '{result.ModelFolder}'. Measure it with: {Command(session, resumes: true)}");
        }
    }

    private static bool HoldsRun(string output) =>
        RunTokens.Exist(output) || new[] { "checkpoints", "model", "metrics.jsonl" }.Any(name => Path.Exists(Path.Combine(output, name)));

    private static string WordOf(Precision precision) => s_precisions.Single(choice => choice.Value == precision).Word;

    /// <summary>The rates of Brown et al. 2020, table 2.1, by width.</summary>
    private static double DefaultLearningRate(int embeddingDim) => embeddingDim switch
    {
        >= 1600 => 2e-4,
        >= 1280 => 2.5e-4,
        >= 1024 => 3e-4,
        >= 768 => 6e-4,
        _ => 1e-3,
    };

    /// <summary>A run that would have been overwritten is still there, and is not the one to go on with.</summary>
    private static InterruptedException BeforeFirstStep(Session session) =>
        new($"Interrupted before the first step. Start again with: {Command(session, resumes: !session.Arguments.Contains("--overwrite"))}");

    private static string Command(Session session, bool resumes)
    {
        IEnumerable<string> arguments = resumes ? [.. session.Arguments.Where(argument => argument is not ("--resume" or "--overwrite")), "--resume"] : session.Arguments;
        return $"pretrain {string.Join(' ', arguments.Select(Quote))}";
    }

    /// <summary>An argument as a shell takes it.</summary>
    private static string Quote(string argument) =>
        argument.All(c => char.IsAsciiLetterOrDigit(c) || "-_./:=,+@%".Contains(c)) && argument.Length > 0 ? argument : $"'{argument.Replace("'", "'\\''")}'";
}

using System.Globalization;
using Microsoft.Extensions.Logging;
using PreTrain.Cli.Hosting;
using PreTrain.Training;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace PreTrain.Cli.Display;

/// <summary>Shows a training on standard error: a line that redraws itself on a terminal, else a line of the log from time to time.</summary>
internal sealed class TrainingDisplay : ITrainingCallback
{
    private readonly TrainingOptions _options;
    private readonly ProgressTask _task;
    private TrainingStep? _last;
    private double? _validation;
    private int _firstStep;

    private TrainingDisplay(TrainingOptions options, ProgressTask task) => (_options, _task) = (options, task);

    /// <summary>Trains with a display.</summary>
    /// <param name="session">The call of the tool.</param>
    /// <param name="options">The options of the training, to which the display and the log are added.</param>
    /// <param name="train">Trains with the options that it gets.</param>
    public static TrainingResult Run(Session session, TrainingOptions options, Func<TrainingOptions, TrainingResult> train)
    {
        if (!session.IsInteractive)
            return train(options with { Logger = new SessionLogger(session.Quiet ? LogLevel.Warning : LogLevel.Information, session.Verbose, session.Error.WriteLine) });

        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(session.Error) });
        var logger = new SessionLogger(session.Verbose ? LogLevel.Information : LogLevel.Warning, session.Verbose, line => console.WriteLine(line));
        TrainingDisplay? display = null;
        return console.Progress().Columns(new ProgressBarColumn(), new TextColumn(() => display?.Status() ?? "")).Start(context =>
        {
            display = new TrainingDisplay(options, context.AddTask("training", maxValue: options.Steps));
            return train(options with { Callbacks = [.. options.Callbacks, display], Logger = logger });
        });
    }

    public void OnStart(TrainingRun run)
    {
        _firstStep = run.Step;
        _validation = run.ValidationLoss;
    }

    public void OnStep(TrainingRun run, TrainingStep step)
    {
        _last = step;
        _task.Value = step.Step;
    }

    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => _validation = evaluation.Loss;

    /// <summary>"step 120/2000  loss 4.123  validation 4.301  12,345 tokens/s  3:20 left".</summary>
    private string Status()
    {
        if (_last is not { } step) return "";
        double left = step.Seconds / Math.Max(1, step.Step - _firstStep) * (_options.Steps - step.Step);
        string validation = _validation is { } loss ? string.Create(CultureInfo.InvariantCulture, $"  validation {loss:F3}") : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"step {step.Step}/{_options.Steps}  loss {step.Loss:F3}{validation}  {step.TokensPerSecond:N0} tokens/s  {Duration(left)} left");
    }

    private static string Duration(double seconds)
    {
        var time = TimeSpan.FromSeconds(Math.Min(seconds, 1e8));
        return time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalHours}:{time:mm\\:ss}") : time.ToString("m\\:ss", CultureInfo.InvariantCulture);
    }

    private sealed class TextColumn(Func<string> text) : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) => new Text(text());
    }
}

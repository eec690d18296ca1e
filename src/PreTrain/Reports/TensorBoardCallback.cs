using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using PreTrain.Training;

namespace PreTrain.Reports;

/// <summary>
/// Writes a training's numbers for TensorBoard into the run's folder: losses, learning rate, gradient norm, speed, memory, samples of text, and the configuration as a table. A run that is resumed, or goes back to a checkpoint,
/// begins a new file, which makes TensorBoard drop what the interrupted one wrote behind the checkpoint.
/// Where the events cannot be written, the logger is told once, and the training goes on without them.
/// </summary>
/// <param name="configuration">What is shown as the run's configuration; null for nothing.</param>
/// <param name="samples">Stands before this one in <see cref="TrainingOptions.Callbacks"/>; null for no samples.</param>
/// <param name="efficiency">Stands before this one in <see cref="TrainingOptions.Callbacks"/>; null for no utilization.</param>
public sealed class TensorBoardCallback(JsonObject? configuration = null, TextSamples? samples = null, EfficiencyMeter? efficiency = null) : ITrainingCallback, IDisposable
{
    private EventFile? _file;   // null where it cannot be written
    private TextSample? _shown;

    /// <summary>Opens a file of events in a folder, for a run that goes on with a step.</summary>
    internal Func<string, long, EventFile> Open { get; init; } = (folder, firstStep) => new EventFile(folder, firstStep);

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        _file?.Dispose();
        long first = run.Step == 0 ? 0 : run.Step + 1;
        Keep(run, () =>
        {
            _file = Open(run.Output, first);
            if (configuration is not null) _file.AddText(first, "configuration", Table(configuration));
        });
        ShowSample(run);
    }

    /// <inheritdoc/>
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(step);
        if (step.Step % run.Options.LogEvery != 0 && !run.IsLastStep) return;
        List<(string, double)> values =
        [
            ("loss/training", step.Loss), ("optimizer/learning_rate", step.LearningRate), ("optimizer/gradient_norm", step.GradientNorm),
            ("speed/tokens_per_second", step.TokensPerSecond), ("memory/process_megabytes", Environment.WorkingSet / 1e6),
        ];
        if (step.GradientNoiseScale is { } noise) values.Add(("optimizer/gradient_noise_scale", noise));
        if (efficiency?.Current?.Utilization is { } utilization) values.Add(("speed/model_flop_utilization", utilization));
        Keep(run, () => _file?.AddScalars(step.Step, [.. values]));
    }

    /// <inheritdoc/>
    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(evaluation);
        List<(string, double)> values = [("loss/validation", evaluation.Loss)];
        if (evaluation.Accuracy is { } accuracy) values.Add(("accuracy/validation", accuracy));
        Keep(run, () => _file?.AddScalars(run.Step, [.. values]));
        ShowSample(run);
    }

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.ReturnedTo is null || _file is null) return;
        // The steps behind the checkpoint come again.
        _file.Dispose();
        Keep(run, () => _file = Open(run.Output, run.Step + 1));
    }

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result) => Dispose();

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        _file?.Dispose();
        _file = null;
    }

    private void ShowSample(TrainingRun run)
    {
        if (samples?.Latest is not { } sample || sample == _shown) return;
        _shown = sample;
        Keep(run, () => _file?.AddText(sample.Step, "sample", Indented(sample.Text)));
    }

    /// <summary>A report is no reason to end a training.</summary>
    private void Keep(TrainingRun run, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Dispose();
            run.Options.Logger?.LogWarning("There will be no more events for TensorBoard, which could not be written: {Fault}", e.Message);
        }
    }

    /// <summary>As Markdown's code, which is shown as it is.</summary>
    private static string Indented(string text) => string.Join('\n', text.ReplaceLineEndings("\n").Split('\n').Select(line => "    " + line));

    private static string Table(JsonObject json) =>
        "| option | value |\n|---|---|\n" + string.Concat(ConfigurationRows.Of(json).Select(row => $"| {Cell(row.Name)} | {Cell(row.Value)} |\n"));

    private static string Cell(string text) => text.ReplaceLineEndings(" ").Replace("\\", "\\\\").Replace("|", "\\|");
}

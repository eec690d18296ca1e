using System.Globalization;
using Microsoft.Extensions.Logging;
using PreTrain.Checkpoints;
using PreTrain.Training;

namespace PreTrain.Reports;

/// <summary>
/// Keeps <c>report.html</c> in the run's folder: one page without scripts or anything that is loaded, with curves, samples of text, events and the result. It is replaced as a whole at the
/// start, at evaluations, at the end and after a fault; what happened is kept in <c>journal.jsonl</c>, so that the page of a resumed run shows the whole run.
/// </summary>
/// <param name="options">What it shows beside the run's numbers; the defaults if null.</param>
public sealed class HtmlReport(HtmlReportOptions? options = null) : ITrainingCallback
{
    /// <summary>The page's name.</summary>
    public const string FileName = "report.html";

    private readonly HtmlReportOptions _options = options ?? new();
    private TrainingRun? _run;
    private RunJournal? _journal;
    private TextSample? _shown;

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        (_run, _journal, _shown) = (run, new RunJournal(run.Output), null);
        Keep(run, () => _journal.Add(run.Step, run.Step == 0 ? "start" : "resume", string.Create(CultureInfo.InvariantCulture, $"{run.ParameterCount} parameters in {run.Options.Precision}, to step {run.Options.Steps}")));
        Refresh(run, "running", null);
    }

    /// <inheritdoc/>
    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation) => Refresh(run, "running", null);

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(fault);
        Keep(run, () => _journal!.Add(fault.Step, "fault", fault.Message));
    }

    /// <inheritdoc/>
    public void OnCheckpoint(TrainingRun run, string folder)
    {
        ArgumentNullException.ThrowIfNull(run);
        Keep(run, () => _journal!.Add(run.Step, "checkpoint", Path.GetRelativePath(run.Output, folder)));
    }

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(result);
        Keep(run, () => _journal!.Add(run.Step, result.Interrupted ? "interrupted" : "done", string.Create(CultureInfo.InvariantCulture, $"after {EfficiencyText.Duration(result.Seconds)}")));
        Refresh(run, result.Interrupted ? "interrupted" : "done", result);
    }

    /// <summary>Puts a fault that ended the training on the page. Nothing happens where it came before the first step, and the folder is what it was before.</summary>
    /// <param name="fault">The exception that <see cref="Trainer.Run"/> threw.</param>
    public void Fail(Exception fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (_run is not { IsUndone: false } run) return;
        Keep(run, () => _journal!.Add(run.Step, "fault", fault.Message));
        Refresh(run, "failed", null);
    }

    private void Refresh(TrainingRun run, string status, TrainingResult? result)
    {
        if (_options.Samples?.Latest is { } sample && sample != _shown)
        {
            _shown = sample;
            Keep(run, () => _journal!.Add(sample.Step, RunJournal.Sample, sample.Text));
        }
        Keep(run, () => AtomicFile.WriteAllText(Path.Combine(run.Output, FileName), ReportPage.Write(Content(run, status, result))));
    }

    private ReportContent Content(TrainingRun run, string status, TrainingResult? result)
    {
        List<RunJournal.Entry> journal = _journal!.Read();
        return new ReportContent
        {
            Title = _options.Title ?? Path.GetFileName(Path.TrimEndingDirectorySeparator(run.Output)),
            Status = status,
            Step = run.Step,
            Steps = run.Options.Steps,
            Written = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss 'UTC'", CultureInfo.InvariantCulture),
            Figures = [.. Figures(run, result)],
            Series = RunSeries.Load(run.Output),
            // A resumed run has written some of them anew.
            Samples = [.. journal.Where(e => e.Kind == RunJournal.Sample && e.Step <= run.Step).GroupBy(e => e.Step).OrderBy(group => group.Key).Select(group => new TextSample(group.Key, group.Last().Text))],
            Events = [.. journal.Where(e => e.Kind != RunJournal.Sample)],
            Profile = _options.Profiler?.Profile,
            Configuration = _options.Configuration,
        };
    }

    private IEnumerable<(string, string)> Figures(TrainingRun run, TrainingResult? result)
    {
        if (run.Step > 0) yield return ("training loss", Loss(run.TrainLoss));
        if (run.ValidationLoss is { } loss)
        {
            yield return ("validation loss", Loss(loss));
            yield return ("perplexity", Math.Exp(loss).ToString("G4", CultureInfo.InvariantCulture));
            if (run.Validation?.Accuracy is { } accuracy) yield return ("accuracy", accuracy.ToString("P1", CultureInfo.InvariantCulture));
        }
        yield return ("parameters", SvgChart.Number(run.ParameterCount));
        yield return ("predicted tokens", SvgChart.Number(run.Tokens));
        if (_options.Efficiency?.Current is { } efficiency)
        {
            yield return ("tokens per second", SvgChart.Number(Math.Round(efficiency.TokensPerSecond)));
            if (efficiency.FlopsPerSecond is { } flops) yield return ("model operations", EfficiencyText.Flops(flops));
            if (efficiency.Utilization is { } share) yield return ("model FLOP utilization", EfficiencyText.Share(share));
            if (efficiency.PeakFlopsPerSecond is not null) yield return ("peak", EfficiencyText.Peak(efficiency));
            yield return ("time", EfficiencyText.Duration(efficiency.Seconds));
            if (result is null) yield return ("time left", EfficiencyText.Duration(efficiency.RemainingSeconds));
            yield return ("energy", EfficiencyText.Energy(efficiency));
        }
        else if (result is not null)
        {
            yield return ("tokens per second", SvgChart.Number(Math.Round(result.TokensPerSecond)));
            yield return ("time", EfficiencyText.Duration(result.Seconds));
        }
        if (result is not null) yield return ("peak memory", string.Create(CultureInfo.InvariantCulture, $"{result.PeakMemoryBytes / 1e6:N0} MB"));
    }

    private static string Loss(double loss) => loss.ToString("F4", CultureInfo.InvariantCulture);

    /// <summary>A report is no reason to end a training.</summary>
    private static void Keep(TrainingRun run, Action write)
    {
        try
        {
            write();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            run.Options.Logger?.LogWarning("The report could not be written: {Fault}", e.Message);
        }
    }
}

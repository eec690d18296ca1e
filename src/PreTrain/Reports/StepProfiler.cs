using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Logging;
using PreTrain.Checkpoints;
using PreTrain.Torch;
using PreTrain.Training;

namespace PreTrain.Reports;

/// <summary>
/// Measures by operator where the time of some steps goes, behind the first ones, in which memory and caches fill. It tells the run's logger, and writes <c>profile.txt</c> and
/// <c>profile.json</c> into the run's folder. Where torch's operators cannot be observed, the logger is told why, and nothing is measured.
/// </summary>
/// <remarks>On CUDA the times are those of starting the operators, which run later. An evaluation between two steps counts with them.</remarks>
public sealed class StepProfiler : ITrainingCallback, IDisposable
{
    /// <summary>The names of the table and of the JSON.</summary>
    public const string TextName = "profile.txt", JsonName = "profile.json";

    private const int WarmUpSteps = 2, TableRows = 30;
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
    private readonly int _steps;
    private OperatorProfiler? _profiler;
    private long _started;
    private int _first;

    /// <summary>Creates the callback.</summary>
    /// <param name="steps">The steps to measure.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="steps"/> is not positive.</exception>
    public StepProfiler(int steps)
    {
        if (steps <= 0) throw new ArgumentOutOfRangeException(nameof(steps), steps, "The steps to measure must be positive.");
        _steps = steps;
    }

    /// <summary>The profile; null before it is taken.</summary>
    public StepProfile? Profile { get; private set; }

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        Profile = null;
        if (OperatorProfiler.Missing is { } missing)
        {
            run.Options.Logger?.LogWarning("There will be no profile: {Reason}", missing);
            return;
        }
        // A run that is too short for a warm-up is measured as it is.
        _first = run.Step + (run.Options.Steps - run.Step > WarmUpSteps ? WarmUpSteps : 0) + 1;
        if (_first == run.Step + 1 && run.Step < run.Options.Steps) Begin();
    }

    /// <inheritdoc/>
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(step);
        if (_profiler is not null && (step.Step == _first + _steps - 1 || run.IsLastStep)) Finish(run, step.Step);
        else if (_profiler is null && Profile is null && step.Step == _first - 1 && OperatorProfiler.Missing is null) Begin();
    }

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (_profiler is not null && run.Step >= _first) Finish(run, run.Step);
        Dispose();
    }

    /// <summary>Ends the measuring.</summary>
    public void Dispose()
    {
        _profiler?.Dispose();
        _profiler = null;
    }

    /// <summary>A profile as a table.</summary>
    /// <param name="profile">The profile.</param>
    public static string Table(StepProfile profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        var text = new StringBuilder();
        double steps = profile.Steps, total = profile.Seconds;
        text.Append(CultureInfo.InvariantCulture, $"Steps {profile.FirstStep} to {profile.FirstStep + profile.Steps - 1}, {total * 1000 / steps:F2} ms each; calls and times are those of a step.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"{"calls",8} {"ms",10} {"own ms",10} {"own share",9}  operator\n");
        foreach (OperatorTime o in profile.Operators.Take(TableRows))
            text.Append(CultureInfo.InvariantCulture, $"{o.Calls / steps,8:0.#} {o.Seconds * 1000 / steps,10:F3} {o.SelfSeconds * 1000 / steps,10:F3} {o.SelfSeconds / total,9:P1}  {o.Name}\n");
        if (profile.Operators.Count > TableRows)
        {
            List<OperatorTime> rest = [.. profile.Operators.Skip(TableRows)];
            double own = rest.Sum(o => o.SelfSeconds);
            text.Append(CultureInfo.InvariantCulture, $"{rest.Sum(o => o.Calls) / steps,8:0.#} {"",10} {own * 1000 / steps,10:F3} {own / total,9:P1}  ({rest.Count} others)\n");
        }
        text.Append(CultureInfo.InvariantCulture, $"{"",8} {"",10} {profile.OutsideSeconds * 1000 / steps,10:F3} {profile.OutsideSeconds / total,9:P1}  (in no operator of torch: kernels in C#, the optimizer, data, .NET)\n");
        return text.ToString();
    }

    private void Begin()
    {
        _profiler = OperatorProfiler.Start();
        _started = Stopwatch.GetTimestamp();
    }

    private void Finish(TrainingRun run, int last)
    {
        double seconds = Stopwatch.GetElapsedTime(_started).TotalSeconds;
        Profile = new StepProfile
        {
            FirstStep = _first,
            Steps = last - _first + 1,
            Seconds = seconds,
            Operators = [.. _profiler!.Stop().OrderByDescending(o => o.SelfSeconds)],
        };
        Dispose();
        string table = Table(Profile);
        run.Options.Logger?.LogInformation("{Profile}", table.TrimEnd());
        try
        {
            AtomicFile.WriteAllText(Path.Combine(run.Output, TextName), table);
            AtomicFile.WriteAllText(Path.Combine(run.Output, JsonName), JsonSerializer.Serialize(Profile, s_json) + "\n");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            run.Options.Logger?.LogWarning("The profile could not be written: {Fault}", e.Message);   // no reason to end a training
        }
    }
}

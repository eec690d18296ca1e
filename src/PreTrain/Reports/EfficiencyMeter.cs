using System.Diagnostics;
using Microsoft.Extensions.Logging;
using PreTrain.Torch.Cpu;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Reports;

/// <summary>Measures speed, utilization, energy and the time that is left, and tells the run's logger at evaluations and at the end.</summary>
public sealed class EfficiencyMeter : ITrainingCallback
{
    private const double EnergySeconds = 10, StartSeconds = 0.25, LaterSeconds = 0.05;
    private readonly EfficiencyOptions _options;
    private readonly EnergyCounter? _counter;
    private double _flopsPerToken, _trainingSeconds, _energyRead, _joules;
    private double? _peak;
    private long _tokens, _targets;
    private int _firstStep;

    /// <summary>Creates the callback.</summary>
    /// <param name="options">What to reckon with; the defaults if null.</param>
    /// <exception cref="ArgumentException">Options are out of range; the message names each.</exception>
    public EfficiencyMeter(EfficiencyOptions? options = null) : this(options ?? new(), EnergyCounter.Open())
    {
    }

    internal EfficiencyMeter(EfficiencyOptions options, EnergyCounter? counter)
    {
        options.Validate();
        (_options, _counter) = (options, options.Watts is null ? counter : null);
    }

    /// <summary>The measures after the last step; null before the first.</summary>
    public Efficiency? Current { get; private set; }

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        (_firstStep, _targets, _tokens, _trainingSeconds, Current) = (run.Step, run.Tokens, 0, 0, null);
        _flopsPerToken = _options.Cost?.PerToken(run.ParameterCount) ?? 0;
        _peak = _options.PeakFlopsPerSecond ?? (_options.Cost is null ? null : MeasurePeak(run, StartSeconds));
        _counter?.Read();
    }

    /// <inheritdoc/>
    public void OnStep(TrainingRun run, TrainingStep step)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(step);
        _tokens += step.InputTokens;
        _trainingSeconds += step.TrainingSeconds;
        if (_counter is not null && (step.Seconds - _energyRead >= EnergySeconds || run.IsLastStep || Current is null))
        {
            _joules = _counter.Read() ?? _joules;
            _energyRead = step.Seconds;
        }
        double speed = _tokens / _trainingSeconds;
        Current = new Efficiency
        {
            TokensPerSecond = speed,
            FlopsPerSecond = _flopsPerToken > 0 ? speed * _flopsPerToken : null,
            PeakFlopsPerSecond = _peak,
            PeakIsMeasured = _peak is not null && _options.PeakFlopsPerSecond is null,
            Seconds = step.Seconds,
            RemainingSeconds = step.Seconds / (step.Step - _firstStep) * (run.Options.Steps - step.Step),
            EnergyJoules = _options.Watts is { } watts ? watts * step.Seconds : _counter is null ? null : _joules,
            AssumedWatts = _options.Watts,
        };
    }

    /// <inheritdoc/>
    public void OnEvaluation(TrainingRun run, EvaluationResult evaluation)
    {
        ArgumentNullException.ThrowIfNull(run);
        // What the start measured was too little if other programs were at work just then.
        if (_peak is { } peak && _options.PeakFlopsPerSecond is null) _peak = Math.Max(peak, MeasurePeak(run, LaterSeconds));
        Log(run);
    }

    /// <inheritdoc/>
    public void OnEnd(TrainingRun run, TrainingResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        if (Current is null) return;
        if (_counter is not null) _joules = _counter.Read() ?? _joules;
        Current = Current with
        {
            Seconds = result.Seconds,
            RemainingSeconds = result.Interrupted ? Current.RemainingSeconds : 0,
            EnergyJoules = _options.Watts is { } watts ? watts * result.Seconds : _counter is null ? null : _joules,
        };
        Log(run);
    }

    private void Log(TrainingRun run)
    {
        ArgumentNullException.ThrowIfNull(run);
        if (Current is { } now) run.Options.Logger?.LogInformation("Step {Step}: {Efficiency}.", run.Step, EfficiencyText.Sentence(now));
    }

    /// <summary>The best of some products of square matrices.</summary>
    private static double MeasurePeak(TrainingRun run, double seconds)
    {
        using DisposeScope scope = NewDisposeScope();
        Device device = run.Model.parameters().First().device;
        bool onCuda = device.type == DeviceType.CUDA;
        int size = onCuda ? 4096 : 768;
        ScalarType type = run.Model.parameters().First().dtype;
        Tensor a = ones(size, size, dtype: type, device: device), b = ones(size, size, dtype: type, device: device);
        double best = 0;
        var all = Stopwatch.StartNew();
        // The first products find the threads asleep and the clock low.
        for (int i = 0; i < 20 && (i < 2 || all.Elapsed.TotalSeconds < seconds); i++)
        {
            var watch = Stopwatch.StartNew();
            using Tensor product = WidenedProduct.Of(a, b);
            if (onCuda) torch.cuda.synchronize();
            best = Math.Max(best, 2.0 * size * size * size / watch.Elapsed.TotalSeconds);
        }
        return best;
    }
}

using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Training;

namespace PreTrain.Pruning;

/// <summary>
/// Prunes a model by magnitude while it is trained, a little after every few steps: give it to <see cref="TrainingOptions.Callbacks"/>. What is zero stays zero, as with <see cref="SparsityMasks"/>, and the run
/// can be resumed. It must come to the schedule's end, and save the last model, not the best.
/// </summary>
public sealed class GradualPruning : ITrainingCallback, IDisposable
{
    private readonly SparsityMasks _masks;
    private readonly PruningOptions _options;

    /// <summary>Prepares a model.</summary>
    /// <param name="model">A model of any family, which may have zeros already.</param>
    /// <param name="schedule">The sparsity of every step.</param>
    /// <param name="options">Which maps, and which weights are compared with each other; <see cref="PruningOptions.Sparsity"/> is of no effect.</param>
    /// <exception cref="ArgumentException">An option is out of range or needs a calibration; a pattern fits nothing; a map would lose all weights, or computes with something else already.</exception>
    public GradualPruning(ITransformerModel model, SparsitySchedule schedule, PruningOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(schedule);
        schedule.Validate();
        _options = (options ?? new PruningOptions()) with { Sparsity = schedule.FinalSparsity };
        _options.Validate();
        if (_options.NeedsCalibration) throw new ArgumentException($"{nameof(PruningOptions.Method)} ({_options.Method}) must be {nameof(PruningMethod.Magnitude)} in a training.", nameof(options));
        if (_options.Pattern is not null) throw new ArgumentException($"{nameof(PruningOptions.Pattern)} ({_options.Pattern}) sets the sparsity once and for all; prune before the training, and keep the zeros with {nameof(SparsityMasks)}.", nameof(options));
        PruningMasks.Require(LinearMaps.Select(model, _options.Targets), _options);
        Schedule = schedule;
        _masks = new SparsityMasks(model, _options.Targets);
    }

    /// <summary>The sparsity of every step.</summary>
    public SparsitySchedule Schedule { get; }

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["schedule"] = Schedule.ToString(), ["scope"] = _options.Scope?.ToString(), ["targets"] = string.Join(", ", _options.Targets) };

    /// <inheritdoc/>
    public void OnStart(TrainingRun run)
    {
        Schedule.Require(run.Options);
        _masks.OnStart(run);
        if (run.Step == 0) Prune(run);
    }

    /// <inheritdoc/>
    public void OnUpdate(TrainingRun run)
    {
        _masks.OnUpdate(run);
        Prune(run);
    }

    /// <inheritdoc/>
    public void OnFault(TrainingRun run, TrainingFault fault) => _masks.OnFault(run, fault);

    /// <summary>Leaves the maps as they are without masks, the zeros in their weights.</summary>
    public void Dispose() => _masks.Dispose();

    private void Prune(TrainingRun run)
    {
        if (Schedule.HasRoundAt(run.Step)) _masks.Prune(run, _options with { Sparsity = Schedule.At(run.Step) });
    }
}

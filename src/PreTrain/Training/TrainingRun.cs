using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>A training in progress, as callbacks see it.</summary>
public sealed class TrainingRun : IDisposable
{
    private const int CollectionSteps = 16;
    private readonly RunFolder _folder;
    private readonly CheckpointStore _checkpoints;
    private readonly TrainingWeights _weights;
    private readonly FaultGuard _guard;
    private readonly Func<EvaluationResult?> _evaluate;
    private readonly JsonObject _identity;
    private readonly ILogger _log;
    private readonly MetricsCallback _metrics;
    private readonly ITrainingCallback[] _callbacks;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private TrainingProgress _progress;
    private JsonObject _data, _dataBefore;
    private TimeSpan _stepStart, _trainingTime;
    private long _ownTokens, _inputTokens;
    private int _savedStep;
    private (int Step, double Loss)? _savedBest;

    internal TrainingRun(TrainingOptions options, RunFolder folder, CheckpointStore checkpoints, JsonObject identity, nn.Module model, TrainingWeights weights,
        CheckpointState? start, JsonObject data, Func<TrainingRun, EvaluationResult?> evaluate)
    {
        (Options, _folder, _checkpoints, _identity, Model, _weights) = (options, folder, checkpoints, identity, model, weights);
        (_data, _dataBefore, _evaluate, _log) = (data, data, () => evaluate(this), options.Logger ?? NullLogger.Instance);
        _progress = new TrainingProgress(options, start);
        _guard = new FaultGuard(options.Faults, folder.Path, start?.Parts.GetValueOrDefault("faults"), start?.Parts.GetValueOrDefault("spikes"));
        MicroBatches = new MicroBatches(options.BatchSize, options.MicroBatchSize, start?.Parts.GetValueOrDefault("microBatch"));
        (_savedStep, _savedBest) = (Step, _progress.Best);
        _metrics = new MetricsCallback(folder);
        _callbacks =
        [
            _metrics, new FaultsCallback(folder), .. options.Logger is { } log ? new ITrainingCallback[] { new LogCallback(log) } : [], new MeterCallback(), new EvaluationCallback(),
            .. options.Callbacks, new CheckpointCallback(),
        ];
    }

    /// <summary>The options.</summary>
    public TrainingOptions Options { get; }

    /// <summary>The model; its parameters have the compute type of <see cref="TrainingOptions.Precision"/>.</summary>
    public nn.Module Model { get; }

    /// <summary>The full path of the run's folder.</summary>
    public string Output => _folder.Path;

    /// <summary>Updates so far, those before a resumed checkpoint included.</summary>
    public int Step => _progress.Step;

    /// <summary>Targets so far, those before a resumed checkpoint included.</summary>
    public long Tokens => _progress.Tokens;

    /// <summary>The last evaluation; null before the first.</summary>
    public EvaluationResult? Validation => _progress.Validation;

    /// <summary>The loss of the last evaluation; null before the first.</summary>
    public double? ValidationLoss => Validation?.Loss;

    /// <summary>The steps whose loss or gradient could not be trusted, those before a resumed checkpoint included.</summary>
    public IReadOnlyList<TrainingFault> Faults => _guard.Faults;

    /// <summary>Whether the training ends before its last step, because the loss on the held-out data no longer falls.</summary>
    public bool StoppedEarly => _progress.EarlyStopping is { IsDue: true };

    /// <summary>Whether <see cref="Step"/> is the last one.</summary>
    public bool IsLastStep => Step == Options.Steps || StoppedEarly;

    /// <summary>The number of trainable values.</summary>
    public long ParameterCount => _weights.Parameters.Count;

    /// <summary>The mean loss of the last steps, at most 20; NaN before the first.</summary>
    public double TrainLoss => _progress.RecentLosses.Count == 0 ? double.NaN : _progress.RecentLosses.Average();

    /// <summary>The average of the weights; null without <see cref="TrainingOptions.Average"/>.</summary>
    public WeightAverage? Average => _weights.Average;

    /// <summary>The learning rate of the next step.</summary>
    public double LearningRate => Options.EffectiveOptimizer is AdafactorOptions { RelativeStep: true } relative ? relative.RateOf(Step + 1) : Options.Schedule.At(Step) * (_progress.Plateau?.Scale ?? 1);

    /// <summary>The trained values.</summary>
    internal FlatParameters Parameters => _weights.Parameters;

    /// <summary>What losses are multiplied with before the backward pass.</summary>
    internal double LossScale => _progress.Scaler?.Scale ?? 1;

    private CheckpointRetention Retention => new(Options.KeepCheckpoints, Options.KeepCheckpointsEvery, _progress.Best?.Step);

    /// <summary>How batches are cut.</summary>
    internal MicroBatches MicroBatches { get; }

    /// <summary>Whether the last evaluation was the best, and its weights are in no checkpoint yet.</summary>
    internal bool HasUnsavedBest => Options.SavedModel == SavedModel.Best && _progress.Best != _savedBest;

    /// <summary>Whether it did not begin, and the folder is what it was before.</summary>
    internal bool IsUndone => _folder.IsUndone;

    /// <summary>Evaluates on the held-out data, without dropout and gradients, and calls <see cref="ITrainingCallback.OnEvaluation"/>.</summary>
    /// <returns>What was measured over all targets that were evaluated; null if nothing is held out.</returns>
    public EvaluationResult? Evaluate()
    {
        EvaluationResult? measured;
        using (Options.Average is { Evaluate: true } ? _weights.Average!.Apply() : null) measured = _evaluate();
        if (measured is null) return null;
        _progress.Observe(measured);
        if (Options.SavedModel == SavedModel.Best && measured.Loss < (_progress.Best?.Loss ?? double.PositiveInfinity)) _progress.Best = (Step, measured.Loss);
        Call(callback => callback.OnEvaluation(this, measured));
        return measured;
    }

    /// <summary>Writes a checkpoint of the last complete step, and calls <see cref="ITrainingCallback.OnCheckpoint"/>.</summary>
    /// <exception cref="CheckpointException">
    /// It cannot be written, for example because the disk is full, and <see cref="TrainingOptions.RequireCheckpoints"/> is set; earlier ones are untouched.
    /// </exception>
    public void SaveCheckpoint()
    {
        string path;
        try
        {
            _metrics.Flush();
            CheckpointState state = State();
            path = _checkpoints.Save(Step, Retention, partial =>
            {
                _weights.Save(partial);
                state.Save(partial);
                Call(callback => callback.OnSave(this, partial));
            });
        }
        catch (CheckpointException e) when (!Options.RequireCheckpoints)
        {
            _progress.Best = _savedBest;   // those weights are lost
            _log.LogError("Step {Step}: {Fault} The training goes on without it.", Step, e.Message);
            return;
        }
        (_savedStep, _savedBest) = (Step, _progress.Best);
        Call(callback => callback.OnCheckpoint(this, path));
    }

    /// <summary>Closes the run's files.</summary>
    public void Dispose() => _metrics.Dispose();

    /// <summary>Begins.</summary>
    /// <param name="loaded">The checkpoint that was resumed; null where there is none.</param>
    internal void Start(string? loaded)
    {
        if (loaded is not null) Call(callback => callback.OnLoad(this, loaded));
        Call(callback => callback.OnStart(this));
        if (Step > 0 && IsLastStep) _checkpoints.Discard(Step, Retention);   // it was killed between its last checkpoint and this
        if (Options.Faults.RollsBack && Step == 0) SaveCheckpoint();   // what a fault of the first steps goes back to
    }

    /// <summary>Draws the batches of a step, all or none.</summary>
    /// <returns>Null when the training is over or was cancelled.</returns>
    internal Batch[]? Draw(IBatchSource source, CancellationToken cancellationToken)
    {
        _stepStart = _clock.Elapsed;
        if (IsLastStep || Step > Options.Steps || cancellationToken.IsCancellationRequested) return null;
        try
        {
            var batches = new Batch[Options.AccumulationSteps];
            for (int i = 0; i < batches.Length; i++) batches[i] = source.Next(cancellationToken);
            (_dataBefore, _data) = (_data, source.State);
            _inputTokens = batches.Sum(batch => (batch.Images is null ? batch.Inputs.Length : (long)batch.Rows * batch.Length) + (Model is ISequenceToSequenceModel ? batch.Targets.Length : 0));
            return batches;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Whether a step's gradient may be used. If not, it is dropped, and what the options say has been done.</summary>
    /// <exception cref="NumericalException">It may not, and the training ends.</exception>
    internal bool Accept(StepGradient gradient, IReadOnlyList<Batch> batches)
    {
        if (double.IsFinite(gradient.Loss) && !double.IsFinite(gradient.Norm) && _progress.Scaler is { CanBackOff: true } scaler)
        {
            double former = scaler.Scale;
            scaler.Overflow();
            _weights.Parameters.DropGradient();
            _log.LogInformation("Step {Step}: a gradient overflows; its batches are passed over, and the loss scale goes from {Former} to {Scale}.", Step + 1, former, scaler.Scale);
            return false;
        }
        if (_guard.Find(Step + 1, gradient.Loss, gradient.Norm, _dataBefore) is not { } fault)
        {
            _guard.Accept(Step + 1, gradient.Loss, gradient.Norm);
            return true;
        }
        _weights.Parameters.DropGradient();
        fault = fault with { Dump = _folder.Dump(fault, batches, gradient.Losses(), gradient.Norm, Options.Tokenizer) };
        if (fault.Action == FaultPolicy.RollBack) fault = GoBack() is { } step ? fault with { ReturnedTo = step } : fault with { Action = FaultPolicy.Stop };
        _guard.Add(fault);
        Call(callback => callback.OnFault(this, fault));
        return fault.Action == FaultPolicy.Stop ? throw new NumericalException(fault) : false;
    }

    /// <summary>Takes the norms of the first batch's share and of the whole gradient in.</summary>
    internal void ObserveNoise(double firstNorm, long firstTargets, double norm, long targets)
    {
        // The share was divided by the targets of all.
        if (firstTargets > 0 && firstTargets < targets) _progress.Noise?.Observe(firstNorm * targets / firstTargets, firstTargets, norm, targets);
    }

    internal void Complete(long targets, double loss, double norm, double learningRate)
    {
        TimeSpan took = _clock.Elapsed - _stepStart;
        _trainingTime += took;
        _ownTokens += targets;
        _progress.Complete(targets, loss);
        _weights.Momentum?.Update(Step, Options.Steps);
        Call(callback => callback.OnUpdate(this));
        _weights.Average?.Update(Step);
        var step = new TrainingStep
        {
            Step = Step,
            Tokens = Tokens,
            Loss = loss,
            GradientNorm = norm,
            LearningRate = learningRate,
            GradientNoiseScale = _progress.Noise?.Value,
            TokensPerSecond = targets / took.TotalSeconds,
            InputTokens = _inputTokens,
            TrainingSeconds = took.TotalSeconds,
            Seconds = _clock.Elapsed.TotalSeconds,
        };
        Call(callback => callback.OnStep(this, step));

        // The runtime lets young objects pile up to the size of the processor's cache, a hundred megabytes on servers, before it collects
        // by itself. Hardly one of a step's objects survives it, so this takes a fraction of a millisecond.
        if (Step % CollectionSteps == 0) GC.Collect(0, GCCollectionMode.Forced, blocking: true);
    }

    internal TrainingResult End()
    {
        int steps = Step;
        if (Step > _savedStep) SaveCheckpoint();
        int modelStep = Step;
        if (Options.SavedModel == SavedModel.Best && _progress.Best is { } best && best.Step != Step)
        {
            using IDisposable mode = no_grad();
            using DisposeScope scope = NewDisposeScope();
            try
            {
                _weights.Load(_checkpoints.Find(best.Step));
                modelStep = best.Step;
            }
            catch (CheckpointException e)
            {
                _progress.Best = null;
                _log.LogWarning("The best weights, of step {Best}, are lost: {Fault} The model is that of step {Step}.", best.Step, e.Message, Step);
            }
        }
        if (Step > 0) SaveModel();
        using var process = Process.GetCurrentProcess();
        var result = new TrainingResult
        {
            Steps = steps,
            Tokens = Tokens,
            TrainLoss = TrainLoss,
            Validation = Validation,
            ModelStep = modelStep,
            BestValidationLoss = _progress.Best?.Loss,
            Faults = Faults.Count,
            TokensPerSecond = _ownTokens == 0 ? 0 : _ownTokens / _trainingTime.TotalSeconds,
            PeakMemoryBytes = process.PeakWorkingSet64,
            Seconds = _clock.Elapsed.TotalSeconds,
            Output = Output,
            Interrupted = steps < Options.Steps && !StoppedEarly,
            StoppedEarly = steps < Options.Steps && StoppedEarly,
        };
        Call(callback => callback.OnEnd(this, result));
        return result;
    }

    private CheckpointState State()
    {
        IEnumerable<(string Name, JsonObject? State)> parts = _progress.Parts.Concat([("faults", _guard.State), ("spikes", _guard.SpikeState), ("microBatch", MicroBatches.State)]);
        return new CheckpointState
        {
            Step = Step,
            Tokens = Tokens,
            Data = _data,
            Identity = _identity,
            Settings = CheckpointState.SettingsOf(Options),
            RecentLosses = [.. _progress.RecentLosses],
            Parts = parts.Where(part => part.State is not null).ToDictionary(part => part.Name, part => part.State!),
        };
    }

    /// <summary>All but the data and the faults goes back to the newest checkpoint.</summary>
    /// <returns>Its step; null if there is none.</returns>
    private int? GoBack()
    {
        if (_checkpoints.Newest() is not { } found) return null;
        _weights.Load(found.Folder);
        _progress = new TrainingProgress(Options, found.State);
        _guard.ReturnTo(found.State.Parts.GetValueOrDefault("spikes"));
        (_savedStep, _savedBest) = (Step, _progress.Best);
        Call(callback => callback.OnLoad(this, found.Folder));
        return Step;
    }

    private void SaveModel()
    {
        try
        {
            AtomicFolder.Write(_folder.Model, folder => _weights.SaveModel(folder, averaged: Options.Average is { Save: true }));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(_folder.Model, $"the model could not be written: {e.Message} The checkpoint of step {_savedStep} is complete; a resumed run writes the model from it.", e) { IsUnwritten = true };
        }
    }

    private void Call(Action<ITrainingCallback> hook)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (ITrainingCallback callback in _callbacks) hook(callback);
    }
}

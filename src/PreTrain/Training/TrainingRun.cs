using System.Diagnostics;
using System.Text.Json.Nodes;
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
    private const int RecentSteps = 20;
    private const int CollectionSteps = 16;
    private readonly RunFolder _folder;
    private readonly CheckpointStore _checkpoints;
    private readonly IPretrainedModel _pretrained;
    private readonly FlatParameters _parameters;
    private readonly IOptimizer _optimizer;
    private readonly WeightAverage? _average;
    private readonly ReduceOnPlateau? _plateau;
    private readonly GradientNoiseScale? _noise;
    private readonly Func<double?> _evaluate;
    private readonly JsonObject _identity;
    private readonly MetricsCallback _metrics;
    private readonly ITrainingCallback[] _callbacks;
    private readonly Queue<double> _recentLosses;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private JsonObject _data;
    private TimeSpan _stepStart, _trainingTime;
    private long _ownTokens, _inputTokens;
    private int _savedStep;

    internal TrainingRun(TrainingOptions options, RunFolder folder, CheckpointStore checkpoints, JsonObject identity, nn.Module model, FlatParameters parameters,
        IOptimizer optimizer, WeightAverage? average, CheckpointState? start, JsonObject data, Func<double?> evaluate)
    {
        (Options, _folder, _checkpoints, _identity, Model, _pretrained) = (options, folder, checkpoints, identity, model, (IPretrainedModel)model);
        (_parameters, _optimizer, _average, _data, _evaluate) = (parameters, optimizer, average, data, evaluate);
        _plateau = options.Plateau is null ? null : new ReduceOnPlateau(options.Plateau, start?.Plateau);
        _noise = options.MeasureGradientNoise ? new GradientNoiseScale(state: start?.GradientNoise) : null;
        (Step, Tokens, ValidationLoss, _savedStep) = (start?.Step ?? 0, start?.Tokens ?? 0, start?.ValidationLoss, start?.Step ?? 0);
        _recentLosses = new Queue<double>(start?.RecentLosses ?? []);
        _metrics = new MetricsCallback(folder);
        _callbacks =
        [
            _metrics, .. options.Logger is { } log ? new ITrainingCallback[] { new LogCallback(log) } : [], new MeterCallback(), new EvaluationCallback(),
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
    public int Step { get; private set; }

    /// <summary>Targets so far, those before a resumed checkpoint included.</summary>
    public long Tokens { get; private set; }

    /// <summary>The loss of the last evaluation; null before the first.</summary>
    public double? ValidationLoss { get; private set; }

    /// <summary>Whether <see cref="Step"/> is the last of <see cref="TrainingOptions.Steps"/>.</summary>
    public bool IsLastStep => Step == Options.Steps;

    /// <summary>The number of trainable values.</summary>
    public long ParameterCount => _parameters.Count;

    /// <summary>The mean loss of the last steps, at most 20; NaN before the first.</summary>
    public double TrainLoss => _recentLosses.Count == 0 ? double.NaN : _recentLosses.Average();

    /// <summary>The average of the weights; null without <see cref="TrainingOptions.Average"/>.</summary>
    public WeightAverage? Average => _average;

    /// <summary>The learning rate of the next step.</summary>
    public double LearningRate => Options.Schedule.At(Step) * (_plateau?.Scale ?? 1);

    /// <summary>Evaluates on the held-out data, without dropout and gradients, and calls <see cref="ITrainingCallback.OnEvaluation"/>.</summary>
    /// <returns>The mean loss over all targets that were evaluated; null if nothing is held out.</returns>
    public double? Evaluate()
    {
        double? measured;
        using (Options.Average is { Evaluate: true } ? _average!.Apply() : null) measured = _evaluate();
        if (measured is not { } loss) return null;
        ValidationLoss = loss;
        _plateau?.Observe(loss);
        Call(callback => callback.OnEvaluation(this, loss));
        return loss;
    }

    /// <summary>Writes a checkpoint of the last complete step, and calls <see cref="ITrainingCallback.OnCheckpoint"/>.</summary>
    /// <exception cref="CheckpointException">It cannot be written, for example because the disk is full; earlier ones are untouched.</exception>
    public void SaveCheckpoint()
    {
        _metrics.Flush();
        var state = new CheckpointState
        {
            Step = Step,
            Tokens = Tokens,
            Data = _data,
            Identity = _identity,
            Settings = CheckpointState.SettingsOf(Options),
            RecentLosses = [.. _recentLosses],
            ValidationLoss = ValidationLoss,
            Plateau = _plateau?.State,
            GradientNoise = _noise?.State,
        };
        string path = _checkpoints.Save(Step, Options.KeepCheckpoints, partial =>
        {
            SaveModel(Path.Combine(partial, CheckpointStore.ModelName), _parameters.Masters);
            _optimizer.Save(Path.Combine(partial, CheckpointStore.OptimizerName));
            _average?.Save(Path.Combine(partial, CheckpointStore.AverageName));
            state.Save(partial);
        });
        _savedStep = Step;
        Call(callback => callback.OnCheckpoint(this, path));
    }

    /// <summary>Closes the run's files.</summary>
    public void Dispose() => _metrics.Dispose();

    internal void Start() => Call(callback => callback.OnStart(this));

    /// <summary>Draws the micro-batches of a step, all or none.</summary>
    /// <returns>Null when the training was cancelled.</returns>
    internal Batch[]? Draw(IBatchSource source, CancellationToken cancellationToken)
    {
        _stepStart = _clock.Elapsed;
        if (cancellationToken.IsCancellationRequested) return null;
        try
        {
            var batches = new Batch[Options.AccumulationSteps];
            for (int i = 0; i < batches.Length; i++) batches[i] = source.Next(cancellationToken);
            _data = source.State;
            _inputTokens = batches.Sum(batch => (long)batch.Inputs.Length + (Model is ISequenceToSequenceModel ? batch.Targets.Length : 0));
            return batches;
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return null;
        }
    }

    /// <summary>Ends the training before the weights are touched where a number is not finite.</summary>
    internal void RequireFinite(double loss, double norm, IReadOnlyList<Batch> batches, Func<IReadOnlyList<double>> losses)
    {
        if (double.IsFinite(loss) && double.IsFinite(norm)) return;
        string? dump = _folder.Dump(Step + 1, batches, losses(), norm, Options.Tokenizer);
        throw double.IsFinite(loss) ? new NumericalException("gradient norm", Step + 1, norm, dump) : new NumericalException("loss", Step + 1, loss, dump);
    }

    /// <summary>Takes the norms of the first micro-batch's share and of the whole gradient in.</summary>
    internal void ObserveNoise(double firstNorm, long firstTargets, double norm, long targets)
    {
        // The share was divided by the targets of all.
        if (firstTargets > 0 && firstTargets < targets) _noise?.Observe(firstNorm * targets / firstTargets, firstTargets, norm, targets);
    }

    internal void Complete(long targets, double loss, double norm, double learningRate)
    {
        TimeSpan took = _clock.Elapsed - _stepStart;
        _trainingTime += took;
        _ownTokens += targets;
        (Step, Tokens) = (Step + 1, Tokens + targets);
        _recentLosses.Enqueue(loss);
        if (_recentLosses.Count > RecentSteps) _recentLosses.Dequeue();
        _average?.Update(Step);
        var step = new TrainingStep
        {
            Step = Step,
            Tokens = Tokens,
            Loss = loss,
            GradientNorm = norm,
            LearningRate = learningRate,
            GradientNoiseScale = _noise?.Value,
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
        bool interrupted = Step < Options.Steps;
        if (Step > _savedStep) SaveCheckpoint();
        if (Step > 0) SaveLast();
        using var process = Process.GetCurrentProcess();
        var result = new TrainingResult
        {
            Steps = Step,
            Tokens = Tokens,
            TrainLoss = TrainLoss,
            ValidationLoss = ValidationLoss,
            TokensPerSecond = _ownTokens == 0 ? 0 : _ownTokens / _trainingTime.TotalSeconds,
            PeakMemoryBytes = process.PeakWorkingSet64,
            Seconds = _clock.Elapsed.TotalSeconds,
            Output = Output,
            Interrupted = interrupted,
        };
        Call(callback => callback.OnEnd(this, result));
        return result;
    }

    private void SaveLast()
    {
        try
        {
            using DisposeScope scope = NewDisposeScope();
            IReadOnlyDictionary<string, Tensor> weights = Options.Average is { Save: true } && _average!.HasValues ? _parameters.NameValues(_average.Values) : _parameters.Masters;
            AtomicFolder.Write(_folder.Model, folder => SaveModel(folder, weights));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CheckpointException(_folder.Model, $"the model could not be written: {e.Message} The checkpoint of step {_savedStep} is complete; a resumed run writes the model from it.", e);
        }
    }

    private void SaveModel(string folder, IReadOnlyDictionary<string, Tensor> weights)
    {
        _pretrained.SavePretrained(folder, weights);
        Options.Tokenizer?.Save(folder);
    }

    private void Call(Action<ITrainingCallback> hook)
    {
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (ITrainingCallback callback in _callbacks) hook(callback);
    }
}

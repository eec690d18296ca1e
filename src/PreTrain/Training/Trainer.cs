using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PreTrain.Checkpoints;
using PreTrain.Models;
using PreTrain.Modules.Quantized;
using PreTrain.Objectives;
using PreTrain.Optimization;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>
/// Trains any model towards any objective: draw, forward, backward, clip, step. It knows no architecture; fine-tuning, distillation and
/// the like change the model or the objective, and everything beside the five steps is a callback.
/// </summary>
/// <remarks>
/// The output folder holds <c>model/</c> (the last or the best state, as a Hugging Face folder), <c>checkpoints/step-…/</c>, <c>metrics.jsonl</c>,
/// <c>timings.jsonl</c>, and after a step whose loss or gradient could not be trusted <c>faults.jsonl</c> and its batches as text. A run that was interrupted or killed and then resumed ends with the weights and the <c>metrics.jsonl</c> of one that was
/// not, bit for bit on the same machine. Torch's default random generator is seeded at every step.
/// </remarks>
public sealed class Trainer
{
    private readonly TrainingOptions _options;
    private readonly ILogger _log;

    /// <summary>Creates a trainer.</summary>
    /// <param name="options">How to train.</param>
    /// <exception cref="ArgumentException">Options are out of range; the message names each.</exception>
    public Trainer(TrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        _options = options;
        _log = options.Logger ?? NullLogger.Instance;
    }

    /// <summary>Trains a model. Afterwards its parameters are the 32-bit values, without gradients, and it is in evaluation mode.</summary>
    /// <typeparam name="TModel">The model's type; it must be a module of torch.</typeparam>
    /// <typeparam name="TObjective">An objective for it, or for what it implements.</typeparam>
    /// <param name="model">The model, on the device where it is to be trained.</param>
    /// <param name="objective">What it learns.</param>
    /// <param name="cancellationToken">Ends the training after the current step: a checkpoint is written, and the result is marked as interrupted.</param>
    /// <returns>What the training came to.</returns>
    /// <exception cref="ArgumentException">The folder holds a run already, or one that was made with other settings; model and data do not fit.</exception>
    /// <exception cref="Data.CorpusException">The data is too short or damaged.</exception>
    /// <exception cref="CheckpointException">No checkpoint of the run can be read, or one cannot be written.</exception>
    /// <exception cref="NumericalException">A loss or gradient norm is not finite, or a spike, and <see cref="TrainingOptions.Faults"/> says that this ends the training.</exception>
    /// <exception cref="InsufficientMemoryException">Not even one row of a batch fits into memory.</exception>
    public TrainingResult Run<TModel, TObjective>(TModel model, TObjective objective, CancellationToken cancellationToken = default)
        where TModel : class, IPretrainedModel
        where TObjective : IObjective<TModel>
    {
        nn.Module module = model as nn.Module ?? throw new ArgumentException("The model must be a module of torch.", nameof(model));
        IObjective<TModel> goal = objective;
        if (!goal.CanSplit && _options.MicroBatchSize is > 0 and var rows && rows < _options.BatchSize)
        {
            throw new ArgumentException($"{nameof(_options.MicroBatchSize)} ({rows}) would cut batches of {_options.BatchSize} rows, and the objective '{goal.Name}' compares rows with each other. "
                + $"Leave it out, or use a smaller {nameof(_options.BatchSize)}.");
        }
        if (module.modules().Any(part => part is QuantizedProjection { IsBase: false }))
            throw new ArgumentException("The model is quantized, and has no weights that could be trained. Train it before it is quantized, or an adapter beside it.", nameof(model));
        var streams = new RandomStreams(_options.Seed);
        JsonObject identity = CheckpointState.IdentityOf(_options, ConfigOf(model, module), goal.Describe(), goal.ProcessCount, _options.Update.FrozenOf(module));

        if (goal.ProcessCount > 1)
        {
            _log.LogWarning("The text is divided among {Count} processes, and gradients are not exchanged between them: this run trains a model of its own on its share. Set RankCount to 1 to train on all of it.",
                goal.ProcessCount);
        }

        // Everything that can be refused is refused before the folder is touched.
        RunFolder folder = RunFolder.Check(_options);
        if (_options.Resume) folder.Recover();
        var checkpoints = new CheckpointStore(folder.Checkpoints, _log);
        var start = _options.Resume ? FindStart(checkpoints, folder, identity, goal.ProcessCount) : null;
        using IBatchSource source = goal.Open(streams, model, _options.BatchSize, start?.State.Data);
        RequireHeldOut(goal, model);
        WarnOfFewEvaluations();
        if (_options.Precision == Precision.Float16) HalfPrecision.Require(module.parameters().First().device);
        using DeterministicAlgorithms? deterministic = _options.Deterministic ? DeterministicAlgorithms.Use() : null;
        using IDisposable frozen = _options.Update.Freeze(module);
        RequireSaved(module);
        using var parameters = new FlatParameters(module, _options.Precision);
        using IOptimizer optimizer = _options.EffectiveOptimizer.Create(parameters, _options.Update);
        using WeightAverage? average = _options.Average is null ? null : new WeightAverage(parameters, _options.Average);
        var weights = new TrainingWeights(module, _options.Weights ?? model, parameters, optimizer, average, _options.Tokenizer);
        if (start is not null) weights.Load(start.Value.Folder);
        var pass = new GradientPass<TModel>(model, goal, weights, streams, _options, _log);
        folder.Prepare(_options.Overwrite);
        bool hasBegun = _options.Resume;
        try
        {
            TrainingResult result;
            using (var run = new TrainingRun(_options, folder, checkpoints, identity, module, weights, start?.State, start?.State.Data ?? source.State,
                run => HeldOutEvaluation.Evaluate(goal, model, _options.BatchSize, _options.EvaluationBatches, batch => goal.CanSplit ? run.MicroBatches.Split(batch) : [batch])))
            {
                module.train();
                run.Start(start?.Folder);
                while (run.Draw(source, cancellationToken) is { } batches)
                {
                    using DisposeScope scope = NewDisposeScope();
                    StepGradient gradient = pass.Compute(run, batches);
                    if (!run.Accept(gradient, batches)) continue;
                    if (_options.MeasureGradientNoise) run.ObserveNoise(gradient.FirstNorm, batches[0].ValidTargets, gradient.Norm, gradient.Targets);
                    double learningRate = run.LearningRate;
                    optimizer.Step(learningRate, AdamW.ClipScale(gradient.Norm, _options.ClipNorm));
                    if (!hasBegun) folder.Keep();
                    hasBegun = true;
                    run.Complete(gradient.Targets, gradient.Loss, gradient.Norm, learningRate);
                }
                result = run.End();
            }
            if (!hasBegun) folder.Undo();
            module.eval();
            return result;
        }
        catch (Exception e) when (!hasBegun)
        {
            if (e is NumericalException numerical) folder.UndoOverwriting(numerical.Fault.Dump);
            else folder.Undo();
            throw;
        }
    }

    /// <summary>What is trained: of an adapter whose model is a part of something larger, both.</summary>
    private JsonObject ConfigOf(IPretrainedModel model, nn.Module module)
    {
        IPretrainedModel saved = _options.Weights ?? model;
        JsonObject config = saved.ToConfigJson();
        return saved.NamedModule is not { } named || ReferenceEquals(named, module) ? config : new JsonObject { ["trained"] = model.ToConfigJson(), ["saved"] = config };
    }

    /// <summary>What would be chosen by evaluations needs something to evaluate on.</summary>
    private void RequireHeldOut<TModel>(IObjective<TModel> objective, TModel model) where TModel : class
    {
        string? chosen = _options.EarlyStopping is not null ? nameof(_options.EarlyStopping) : _options.Plateau is not null ? nameof(_options.Plateau) : _options.SavedModel == SavedModel.Best ? $"{nameof(_options.SavedModel)} ({SavedModel.Best})" : null;
        if (chosen is null || objective.Evaluation(model, _options.BatchSize).Any(batch => batch.ValidTargets > 0)) return;
        throw new ArgumentException($"{chosen} goes by the loss on held-out data, and the objective '{objective.Name}' holds nothing out. Hold a share out, or more examples where it comes to none.");
    }

    /// <summary>The first evaluation is an improvement in any case, and the one behind the last step comes too late.</summary>
    private void WarnOfFewEvaluations()
    {
        int every = _options.EvaluateEvery, before = every == 0 ? 0 : (_options.Steps - 1) / every;
        if (_options.EarlyStopping is { } stopping && before <= stopping.Patience)
        {
            _log.LogWarning("The training cannot end early: after a first evaluation it takes {Patience} without an improvement, and there are {Count} before the last of {Steps} steps. Evaluate more often than every {Every} steps.",
                stopping.Patience, before, _options.Steps, every);
        }
        if (_options.SavedModel == SavedModel.Best && before == 0)
            _log.LogWarning("The best model is the last: there is no evaluation before the last of {Steps} steps. Evaluate more often.", _options.Steps);
    }

    /// <summary>What is trained and not saved would be lost.</summary>
    private void RequireSaved(nn.Module module)
    {
        if (_options.Weights?.SavedParameters is not { } saved) return;
        HashSet<nint> handles = [.. saved.Select(p => p.Handle)];
        if (module.named_parameters().Where(p => p.parameter.requires_grad && !handles.Contains(p.parameter.Handle)).Select(p => p.name).FirstOrDefault() is not { } lost) return;
        throw new ArgumentException($"'{lost}' would be trained, and {nameof(TrainingOptions.Weights)} does not save it. Give the adapter that was made last, and leave requires_grad as that has set it.");
    }

    private (string Folder, CheckpointState State)? FindStart(CheckpointStore checkpoints, RunFolder folder, JsonObject identity, int processes)
    {
        AtomicFolder.Recover(folder.Checkpoints);
        if (checkpoints.Newest() is not { } found)
        {
            _log.LogWarning("There is no checkpoint in {Folder}; the training starts from the beginning.", folder.Path);
            return null;
        }
        List<string> differences = found.State.DifferencesOf(identity);
        if (differences.Count > 0)
        {
            throw new ArgumentException($"The run in '{folder.Path}' cannot be resumed with other settings: {string.Join(", ", differences)}. "
                + (differences.Any(difference => difference.StartsWith("frozen ", StringComparison.Ordinal)) ? $"{nameof(ParameterRule.Frozen)} must name the same parameters: for what is frozen, the optimizer has no state. " : "")
                + (processes > 1 ? $"The batchSize is that of the {processes} processes together. " : "")
                + $"Use those of the checkpoint, or another {nameof(_options.Output)}.");
        }
        if (found.State.Step > _options.Steps)
            throw new ArgumentException($"The run in '{folder.Path}' is at step {found.State.Step} already; {nameof(_options.Steps)} ({_options.Steps}) must be at least that.");
        List<string> changes = CheckpointState.Differences(found.State.Settings, CheckpointState.SettingsOf(_options));
        if (changes.Count > 0) _log.LogWarning("The resumed run goes on with changed settings: {Changes}", string.Join(", ", changes));
        _log.LogInformation("Resuming from {Folder}.", found.Folder);
        return found;
    }
}

using System.Diagnostics;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using PreTrain.Checkpoints;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Tokenization;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compression;

/// <summary>
/// Carries a recipe out: prunes, distils and quantizes a model that predicts tokens, stage by stage on the processor, and measures it behind each. The folder of each stage is kept, an ordinary one
/// of Hugging Face; a call that is repeated after it was cut off goes on behind the last stage that is finished, and within a training at its last checkpoint.
/// </summary>
public sealed class Compressor
{
    private readonly string _model;
    private readonly CompressionRecipe _recipe;
    private readonly TextTokenizer _tokenizer;
    private readonly CompressionOptions _options;
    private readonly ILogger _log;
    private readonly StageFolder _folder;
    private readonly IObjective<ITransformerModel> _objective;
    private readonly StageData _data;
    private readonly CancellationToken _cancellation;

    private Compressor(string modelFolder, ITransformerModel model, CompressionRecipe recipe, TokenStore tokens, TextTokenizer tokenizer, CompressionOptions options, CancellationToken cancellationToken)
    {
        (_model, _recipe, _tokenizer, _options, _cancellation) = (modelFolder, recipe, tokenizer, options, cancellationToken);
        _log = options.Logger ?? NullLogger.Instance;
        _folder = new StageFolder(Path.GetFullPath(options.Output));
        _objective = RecipeObjective.Create(recipe, model, tokens, tokenizer);
        _data = new StageData(_objective, recipe, model, options.Seed, cancellationToken);
    }

    /// <summary>Carries a recipe out.</summary>
    /// <param name="modelFolder">The model, a Hugging Face folder; it stays as it is, and is the teacher of trainings.</param>
    /// <param name="recipe">The stages.</param>
    /// <param name="tokens">The text to train on and to measure with; it stays the caller's to dispose.</param>
    /// <param name="tokenizer">The tokenizer that made them; it is saved with each model.</param>
    /// <param name="options">Where to, and what happens around.</param>
    /// <param name="cancellationToken">Ends a training with a checkpoint, and another stage before its model is there, or when it is measured.</param>
    /// <returns>What each stage came to.</returns>
    /// <exception cref="ArgumentException">The recipe, an option, the model or the text does not fit, or the folder holds the stages of something else. Where that can be told before, nothing is done.</exception>
    /// <exception cref="CheckpointException">The model or a stage cannot be read.</exception>
    /// <exception cref="CorpusException">The text is too short.</exception>
    public static CompressionResult Run(string modelFolder, CompressionRecipe recipe, TokenStore tokens, TextTokenizer tokenizer, CompressionOptions options, CancellationToken cancellationToken = default)
    {
        Require(modelFolder, recipe, tokens, tokenizer, options);
        using ITransformerModel model = Load(modelFolder, null);
        Compressor compressor = Checked(modelFolder, model, recipe, tokens, tokenizer, options, cancellationToken);
        compressor._folder.Prepare(compressor.Describe(model), recipe, modelFolder, options.Overwrite);
        return compressor.Run(model);
    }

    /// <summary>Tells what is wrong with model, recipe and folder before a text is read.</summary>
    /// <param name="modelFolder">The model, a Hugging Face folder.</param>
    /// <param name="recipe">The stages.</param>
    /// <param name="options">Where to.</param>
    /// <param name="tokenizer">The tokenizer that is to make the tokens; null if it is not known yet.</param>
    /// <exception cref="ArgumentException">The recipe, an option, the model or the tokenizer does not fit, the folder holds something else than the stages of a recipe, or the model lies in it and would be deleted.</exception>
    /// <exception cref="CheckpointException">The model cannot be read.</exception>
    public static void Check(string modelFolder, CompressionRecipe recipe, CompressionOptions options, TextTokenizer? tokenizer = null)
    {
        Require(modelFolder, recipe, options);
        new StageFolder(Path.GetFullPath(options.Output)).Check(modelFolder, options.Overwrite);
        using ITransformerModel model = Load(modelFolder, null);
        Require(model, recipe, null);
        if (tokenizer is not null) RecipeObjective.Require(recipe, model, tokenizer);
    }

    /// <summary>Tells what is wrong with model, recipe, folder and text before anything is changed.</summary>
    /// <param name="modelFolder">The model, a Hugging Face folder.</param>
    /// <param name="recipe">The stages.</param>
    /// <param name="tokens">The text to train on and to measure with.</param>
    /// <param name="tokenizer">The tokenizer that made them.</param>
    /// <param name="options">Where to.</param>
    /// <exception cref="ArgumentException">The recipe, an option, the model or the text does not fit, the folder holds something else than the stages of a recipe, or the model lies in it and would be deleted.</exception>
    /// <exception cref="CheckpointException">The model cannot be read.</exception>
    /// <exception cref="CorpusException">The text is too short.</exception>
    public static void Check(string modelFolder, CompressionRecipe recipe, TokenStore tokens, TextTokenizer tokenizer, CompressionOptions options)
    {
        Require(modelFolder, recipe, tokens, tokenizer, options);
        using ITransformerModel model = Load(modelFolder, null);
        Checked(modelFolder, model, recipe, tokens, tokenizer, options, CancellationToken.None);
    }

    private static void Require(string modelFolder, CompressionRecipe recipe, TokenStore tokens, TextTokenizer tokenizer, CompressionOptions options)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(tokenizer);
        Require(modelFolder, recipe, options);
    }

    private static void Require(string modelFolder, CompressionRecipe recipe, CompressionOptions options)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelFolder);
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(options);
        recipe.Validate();
        options.Validate();
    }

    private static Compressor Checked(string modelFolder, ITransformerModel model, CompressionRecipe recipe, TokenStore tokens, TextTokenizer tokenizer, CompressionOptions options, CancellationToken cancellationToken)
    {
        new StageFolder(Path.GetFullPath(options.Output)).Check(modelFolder, options.Overwrite);
        Require(model, recipe, null);
        RecipeObjective.Require(recipe, model, tokenizer);
        var compressor = new Compressor(modelFolder, model, recipe, tokens, tokenizer, options, cancellationToken);
        Require(model, recipe, compressor._data.TokensOf);
        compressor._data.RequireHeldOut(model);
        return compressor;
    }

    private JsonObject Describe(ITransformerModel model) => new()
    {
        ["recipe"] = _recipe.ToJson(),
        ["model"] = new JsonObject { ["config"] = model.ToConfigJson(), ["sha256"] = WeightsFingerprint.Of(model) },
        ["data"] = _objective.Describe(),
        ["seed"] = _options.Seed,
    };

    private CompressionResult Run(ITransformerModel original)
    {
        _log.LogInformation("The models are trained and measured by {Objective}.", _objective.Name);
        var steps = new List<CompressionStep>();
        string folder = _folder.Of(0, "original");
        steps.Add(Finished(folder, _model, original) ?? Measured(folder, Stopwatch.StartNew(), _data.Measure("original", _model, original, null, _options.TimingRounds)));
        WritePage(steps);
        for (int i = 0; i < _recipe.Stages.Count; i++)
        {
            if (_cancellation.IsCancellationRequested) return Result(steps, interrupted: true);
            CompressionStage stage = _recipe.Stages[i];
            folder = _folder.Of(i + 1, stage.Name);
            if (Finished(folder, StageFolder.ModelOf(folder), original) is { } finished)
            {
                _log.LogInformation("Stage {Number}, {Stage}, is finished already.", i + 1, stage.Name);
                steps.Add(finished);
                continue;
            }
            _log.LogInformation("Stage {Number} of {Count}: {Stage}.", i + 1, _recipe.Stages.Count, stage.Name);
            var clock = Stopwatch.StartNew();
            if (!Make(stage, steps[^1].ModelFolder, folder, original))
            {
                StageFolder.Interrupt(folder, clock.Elapsed.TotalSeconds);
                return Result(steps, interrupted: true);
            }
            string made = StageFolder.ModelOf(folder);
            CheckpointConverter.CopyCompanions(_model, made);
            _tokenizer.Save(made);
            using (ITransformerModel model = Load(made, original.Head)) steps.Add(Measured(folder, clock, _data.Measure(stage.Name, made, model, steps[^1], _options.TimingRounds)));
            WritePage(steps);
        }
        return Result(steps, interrupted: false);
    }

    /// <summary>The measures of a stage that is finished, null if it is not. Where it was timed in other circumstances it is timed again, so that all stages can be compared.</summary>
    private CompressionStep? Finished(string folder, string modelFolder, ITransformerModel original)
    {
        CompressionStep? step = StageFolder.Finished(folder, modelFolder);
        if (step is null || StageFolder.IsTimedAsNow(folder)) return step;
        _log.LogInformation("The model behind {Stage} is timed again: threads or processor are others now.", step.Name);
        using ITransformerModel? loaded = modelFolder == _model ? null : Load(modelFolder, original.Head);
        step = _data.Timed(step, loaded ?? original, _options.TimingRounds);
        StageFolder.Finish(folder, step);
        return step;
    }

    /// <summary>Makes the model of a stage from that of the stage before.</summary>
    /// <returns>Whether it was not interrupted.</returns>
    private bool Make(CompressionStage stage, string from, string folder, ITransformerModel original)
    {
        using DisposeScope scope = NewDisposeScope();
        using ITransformerModel model = Load(from, original.Head);
        try
        {
            switch (stage)
            {
                case PruneStage prune:
                    Prune(prune, model, folder);
                    return true;
                case QuantizeStage quantize:
                    quantize.Apply(model, quantize.NeedsCalibration ? _data.Calibration(model).Inputs : [], _cancellation);
                    Save(model, folder);
                    return true;
                default:
                    return Train((DistillStage)stage, model, folder, original);
            }
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            return false;
        }
    }

    private void Prune(PruneStage stage, ITransformerModel model, string folder)
    {
        using StructuredPruningResult? smaller = stage.Units is not { } units ? null
            : _data.Calibration(model) is var (inputs, loss) ? StructuredPruner.Prune(model, units, units.NeedsCalibration ? inputs : null, loss, _cancellation) : null;
        ITransformerModel rest = smaller?.Model ?? model;
        if (stage.Weights is { } weights) Pruner.Prune(rest, weights, weights.NeedsCalibration ? _data.Calibration(rest).Inputs : null, _cancellation);
        Save(rest, folder);
    }

    private bool Train(DistillStage stage, ITransformerModel student, string folder, ITransformerModel original)
    {
        string[] sparse = [.. StageData.SparseMaps(student).Maps.Where(map => map.Zeros > 0).Select(map => map.Name)];
        using SparsityMasks? masks = sparse.Length > 0 ? new SparsityMasks(student, sparse) : null;
        var options = new TrainingOptions
        {
            Output = folder,
            Resume = Directory.Exists(Path.Combine(folder, RunFolder.CheckpointsName)),
            Steps = stage.Steps,
            BatchSize = stage.BatchSize,
            LearningRate = stage.LearningRate,
            Precision = stage.Precision,
            Seed = _options.Seed,
            CheckpointEvery = _options.CheckpointEvery,
            EvaluateEvery = 0,
            Tokenizer = _tokenizer,
            Logger = _options.Logger,
            Callbacks = masks is null ? _options.Callbacks : [masks, .. _options.Callbacks],
        };
        IObjective<ITransformerModel> goal = stage.NeedsTeacher ? new Distillation<ITransformerModel>(original, _objective, stage.Teaching) : _objective;
        return !new Trainer(options).Run(student, goal, _cancellation).Interrupted;
    }

    private static void Save(ITransformerModel model, string folder) => AtomicFolder.Write(folder, beside => model.SavePretrained(beside));

    private static CompressionStep Measured(string folder, Stopwatch clock, CompressionStep step)
    {
        step = step with { Seconds = StageFolder.SecondsBefore(folder) + clock.Elapsed.TotalSeconds };
        StageFolder.Finish(folder, step);
        return step;
    }

    private void WritePage(List<CompressionStep> steps)
    {
        string output = Path.GetFullPath(_options.Output);
        AtomicFile.WriteAllText(Path.Combine(output, CompressionPage.FileName), CompressionPage.Write(Path.GetFileName(Path.TrimEndingDirectorySeparator(output)), _objective.Name, _recipe, steps));
    }

    private CompressionResult Result(List<CompressionStep> steps, bool interrupted)
    {
        WritePage(steps);
        return new() { Objective = _objective.Name, Steps = steps, Output = Path.GetFullPath(_options.Output), Interrupted = interrupted };
    }

    /// <summary>A model for evaluation, with the head that it was saved with, or of a pre-training that for hidden tokens.</summary>
    private static ITransformerModel Load(string folder, ModelHead? head)
    {
        ITransformerModel model = AutoModel.FromPretrained(folder, head);
        if (model.Head == ModelHead.PreTraining)
        {
            model.Dispose();
            model = AutoModel.FromPretrained(folder, ModelHead.MaskedLanguageModel);
        }
        ((nn.Module)model).eval();
        return model;
    }

    /// <summary>What a model does not allow is told before anything is done: each stage is asked about a model of the sizes that those before it leave.</summary>
    /// <param name="model">The model that the recipe begins with.</param>
    /// <param name="recipe">The stages.</param>
    /// <param name="tokens">The tokens that a map of a model sees of the rows that a stage reads, by its name; null where the text is not known.</param>
    private static void Require(ITransformerModel model, CompressionRecipe recipe, Func<ITransformerModel, string, long>? tokens)
    {
        if (((nn.Module)model).modules().Any(module => module is Modules.Quantized.QuantizedProjection)) throw new ArgumentException("The model is quantized, and can be neither pruned nor trained. Begin with the model that it was made from.");
        RecipeObjective.Require(recipe, model);
        ITransformerModel sized = model;
        try
        {
            for (int i = 0; i < recipe.Stages.Count; i++)
            {
                try
                {
                    if (recipe.Stages[i] is PruneStage { Units: { } units }) sized = Next(StructuredPruner.OfSizes(sized, units));
                    Require(sized, model, recipe.Stages[i], tokens is null ? null : map => tokens(sized, map));
                }
                catch (ArgumentException e)
                {
                    throw new ArgumentException($"Stage {i + 1} ({recipe.Stages[i].Name}): {e.Message}", e);
                }
            }
        }
        finally
        {
            Next(model);
        }

        ITransformerModel Next(ITransformerModel next)
        {
            if (!ReferenceEquals(sized, model)) sized.Dispose();
            return next;
        }
    }

    private static void Require(ITransformerModel sized, ITransformerModel original, CompressionStage stage, Func<string, long>? tokens)
    {
        switch (stage)
        {
            case PruneStage { Weights: { } weights }:
                List<(string Name, Projection Map)> maps = LinearMaps.SelectPlain(sized, weights.Targets);
                PruningMasks.Require(maps, weights);
                if (tokens is null || !weights.NeedsCalibration) break;
                foreach (var (name, map) in maps) Pruner.RequireTokens(name, map.weight.size(1), tokens(name), weights);
                break;
            case DistillStage distill:
                if (distill.Precision == Precision.Float16) HalfPrecision.Require(original.Device);
                if (distill.Teaching.LayerMap is not { } layers) break;
                foreach (var (own, theirs) in StudentInitializer.LayerCounts(sized).Zip(StudentInitializer.LayerCounts(original))) LayerPairs.Of(layers, own, theirs);
                break;
            case QuantizeStage quantize:
                quantize.Require(sized, tokens);
                break;
        }
    }
}

// B rows, T tokens
using System.Diagnostics;
using PreTrain.Models;
using PreTrain.Modules;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Torch;
using PreTrain.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Compression;

/// <summary>What the stages read: rows of the training text for those that look at a model at work, and held-out rows to measure it.</summary>
internal sealed class StageData
{
    private readonly IObjective<ITransformerModel> _objective;
    private readonly CompressionRecipe _recipe;
    private readonly Batch[] _batches;
    private readonly long _read, _written;   // tokens of the rows, and those that a decoder reads

    /// <summary>Draws the rows; they are the same in every run.</summary>
    internal StageData(IObjective<ITransformerModel> objective, CompressionRecipe recipe, ITransformerModel model, long seed, CancellationToken cancellationToken)
    {
        (_objective, _recipe) = (objective, recipe);
        int size = Math.Min(recipe.BatchSize, recipe.Samples);
        using IBatchSource source = objective.Open(new RandomStreams(seed), model, size);
        _batches = [.. Enumerable.Range(0, (recipe.Samples + size - 1) / size).Select(_ => source.Next(cancellationToken))];
        _read = _batches.Sum(batch => batch.AttentionMask?.Sum() ?? batch.Inputs.Length);
        _written = _batches.Sum(batch => batch.ValidTargets);
    }

    /// <summary>The tokens that a map of a model sees while it reads the rows: in a decoder those that are written, but for the keys and values of the source.</summary>
    internal long TokensOf(ITransformerModel model, string map) =>
        model is not ISequenceToSequenceModel || new NamePatterns(["encoder_blocks.*", "*.cross_key", "*.cross_value"]).Fits(map) ? _read : _written;

    /// <summary>Requires that there is something to measure models by.</summary>
    /// <exception cref="ArgumentException">Nothing is held out.</exception>
    internal void RequireHeldOut(ITransformerModel model)
    {
        if (!_objective.Evaluation(model, _recipe.BatchSize).Take(_recipe.EvaluationBatches == 0 ? int.MaxValue : _recipe.EvaluationBatches).Any(batch => batch.ValidTargets > 0)) throw NothingHeldOut();
    }

    /// <summary>The rows of the training text as a model takes them, and what it loses on each batch of them. They belong to the current dispose scope.</summary>
    internal (IReadOnlyList<ModelInput> Inputs, Func<ModelInput, Tensor> Loss) Calibration(ITransformerModel model)
    {
        ModelInput[] inputs = [.. _batches.Select(batch => Input(model, batch))];
        return (inputs, input =>
        {
            Batch batch = _batches[Array.FindIndex(inputs, other => ReferenceEquals(other, input))];
            return _objective.Loss(model, batch, batch.ValidTargets);
        }
        );
    }

    /// <summary>Measures a model.</summary>
    /// <exception cref="ArgumentException">Nothing is held out.</exception>
    internal CompressionStep Measure(string name, string folder, ITransformerModel model, CompressionStep? before, int rounds)
    {
        EvaluationResult quality = HeldOutEvaluation.Evaluate(_objective, model, _recipe.BatchSize, _recipe.EvaluationBatches) ?? throw NothingHeldOut();
        bool isQuantized = ((nn.Module)model).modules().Any(module => module is Modules.Quantized.QuantizedProjection);
        return Timed(new CompressionStep
        {
            Name = name,
            ModelFolder = folder,
            Loss = quality.Loss,
            Accuracy = quality.Accuracy,
            Parameters = isQuantized && before is not null ? before.Parameters : ((nn.Module)model).parameters().Sum(p => p.numel()),
            Sparsity = SparseMaps(model).Sparsity,
            Bytes = BytesOf(folder),
            LatencyMilliseconds = 0,
            TokensPerSecond = 0,
            Seconds = 0,
        }, model, rounds);
    }

    /// <summary>What was measured of a model, with how fast it is here and now.</summary>
    internal CompressionStep Timed(CompressionStep step, ITransformerModel model, int rounds)
    {
        Batch batch = _batches[0];
        return step with
        {
            LatencyMilliseconds = Time(model, batch.Split(1)[0], rounds) * 1000,
            TokensPerSecond = (batch.AttentionMask?.Sum() ?? batch.Inputs.Length) / Time(model, batch, rounds),
        };
    }

    /// <summary>How sparse the linear maps of the blocks are, and with them those others that have zeros.</summary>
    internal static SparsityReport SparseMaps(ITransformerModel model)
    {
        var blocks = new NamePatterns(LinearMaps.OfBlocks);
        SparsityReport all = SparsityReport.Of(model, ["*"]);
        return all with { Maps = [.. all.Maps.Where(map => map.Zeros > 0 || blocks.Fits(map.Name))] };
    }

    private ArgumentException NothingHeldOut() =>
        new(FormattableString.Invariant($"Too little text is held out to measure the model; give more text or a larger ValidationFraction ({_recipe.ValidationFraction})."));

    /// <summary>The size of the weights; a folder may hold them in an older format too.</summary>
    private static long BytesOf(string folder) => new[] { "model*.safetensors", "pytorch_model*.bin" }.Select(pattern => Directory.GetFiles(folder, pattern).Sum(file => new FileInfo(file).Length)).FirstOrDefault(bytes => bytes > 0);

    private static ModelInput Input(ITransformerModel model, Batch batch)
    {
        var (input, targets) = BatchTensors.Of(batch, model.Device);
        return model is ISequenceToSequenceModel decoder ? DecoderInputs.Of(input, targets, decoder.DecoderStartId, decoder.PaddingId) : input;
    }

    /// <summary>The median seconds of a forward pass; where the next token is predicted, that which ends with the scores of one, as before a text is written.</summary>
    private static double Time(ITransformerModel model, Batch batch, int rounds)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        ModelInput input = Input(model, batch);
        double[] seconds = new double[rounds];
        for (int round = -1; round < rounds; round++)
        {
            long start = Stopwatch.GetTimestamp();
            using (NewDisposeScope()) Read(model, input);
            if (round >= 0) seconds[round] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return (seconds[(rounds - 1) / 2] + seconds[rounds / 2]) / 2;
    }

    /// <summary>Reads a batch. The scores of every position, of a large vocabulary more than a machine's memory, are not what a text is written from.</summary>
    internal static void Read(ITransformerModel model, ModelInput input)
    {
        if (model is not ICausalLanguageModel causal || model.Head != ModelHead.CausalLanguageModel)
        {
            model.Forward(input);
            return;
        }
        Tensor ids = input.Ids!;
        using KeyValueCache cache = causal.CreateCache(ids.size(0), (int)ids.size(1));
        causal.NextLogits(ids, cache);
    }
}

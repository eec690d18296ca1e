using PreTrain.Models;
using PreTrain.Optimization;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Training;

/// <summary>The tensors of a run: weights, the optimizer's state, the average.</summary>
internal sealed class TrainingWeights(nn.Module trained, IPretrainedModel model, FlatParameters parameters, IOptimizer optimizer, WeightAverage? average, TextTokenizer? tokenizer)
{
    // What stands before the names of the model in those of what is trained, where it is a part of that.
    private readonly string _prefix = model.NamedModule is { } named && trained.named_modules().FirstOrDefault(part => ReferenceEquals(part.module, named)) is { module: not null, name.Length: > 0 } found ? found.name + "." : "";

    internal FlatParameters Parameters { get; } = parameters;

    internal IOptimizer Optimizer { get; } = optimizer;

    internal WeightAverage? Average { get; } = average;

    /// <summary>What moves the parameters that follow others; null where none do.</summary>
    internal MomentumUpdate? Momentum { get; } = model is IMomentumModel momentum ? new MomentumUpdate(momentum, (nn.Module)model, parameters) : null;

    /// <summary>Writes all of them into a folder.</summary>
    internal void Save(string folder)
    {
        SaveModel(Path.Combine(folder, CheckpointStore.ModelName), averaged: false);
        Optimizer.Save(Path.Combine(folder, CheckpointStore.OptimizerName));
        Average?.Save(Path.Combine(folder, CheckpointStore.AverageName));
    }

    /// <summary>Reads what <see cref="Save"/> wrote. Gradients are dropped.</summary>
    /// <exception cref="Checkpoints.CheckpointException">A file is missing or damaged, or belongs to another model or optimizer.</exception>
    internal void Load(string folder)
    {
        Parameters.Replace(() => model.LoadPretrained(Path.Combine(folder, CheckpointStore.ModelName)));
        Parameters.DropGradient();
        Optimizer.Load(Path.Combine(folder, CheckpointStore.OptimizerName));
        Average?.Load(Path.Combine(folder, CheckpointStore.AverageName));
    }

    /// <summary>Writes the model and its tokenizer as a Hugging Face folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="averaged">Whether the average is written, where there is one, instead of the weights.</param>
    internal void SaveModel(string folder, bool averaged)
    {
        using DisposeScope scope = NewDisposeScope();
        model.SavePretrained(folder, Own(averaged && Average is { HasValues: true } ? Parameters.NameValues(Average.Values) : Parameters.Masters));
        tokenizer?.Save(folder);
    }

    private IReadOnlyDictionary<string, Tensor> Own(IReadOnlyDictionary<string, Tensor> values) => _prefix.Length == 0 ? values
        : values.Where(value => value.Key.StartsWith(_prefix, StringComparison.Ordinal)).ToDictionary(value => value.Key[_prefix.Length..], value => value.Value);
}

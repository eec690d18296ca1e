using PreTrain.Models;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// What a model is adapted by. While it lasts, all of the model is frozen but what the adapter trains; of several the last made is trained, and those before it are frozen with the rest. Give it to
/// <see cref="Training.TrainingOptions.Weights"/>: checkpoints and the result then hold it alone. Disposing takes it away from the model, whose parameters can be trained again.
/// </summary>
public interface IAdapter : IPretrainedModel, IDisposable
{
    /// <summary>The model.</summary>
    ITransformerModel Model { get; }

    /// <summary>Which way of adapting it is.</summary>
    AdapterKind Kind { get; }

    /// <summary>Whether it can be brought into the model's weights, so that the model computes the same without it.</summary>
    bool CanMerge { get; }

    /// <summary>Whether it is in the weights.</summary>
    bool IsMerged { get; }

    /// <inheritdoc/>
    nn.Module? IPretrainedModel.NamedModule => Model as nn.Module;

    /// <summary>The number of trained values, those of heads that are trained as a whole included.</summary>
    long ParameterCount { get; }

    /// <summary>Brings it into the weights, so that the model computes as fast as without it, and can be saved as an ordinary folder.</summary>
    /// <exception cref="InvalidOperationException">It is merged already, or is no change of weights.</exception>
    void Merge();

    /// <summary>Takes it out of the weights, which are to the last bit what they were before <see cref="Merge"/>.</summary>
    /// <exception cref="InvalidOperationException">It is not merged.</exception>
    void Unmerge();
}

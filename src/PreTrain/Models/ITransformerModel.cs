using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model of any family, with the head that it was made for.</summary>
public interface ITransformerModel : IPretrainedModel, IDisposable
{
    /// <summary>The family as <c>config.json</c> calls it.</summary>
    string ModelType { get; }

    /// <summary>The head.</summary>
    ModelHead Head { get; }

    /// <summary>The device of the weights.</summary>
    Device Device { get; }

    /// <summary>Whether each block keeps its input only, and computes again what its backward pass needs (Chen et al. 2016, section 4).</summary>
    bool RecomputeActivations { get; set; }

    /// <summary>The memory that the scores of a loss may take at once, in bytes; more are computed in chunks (<see cref="Modules.ChunkedCrossEntropy"/>).</summary>
    long MaxScoreBytes { get; set; }

    /// <summary>Computes what the head says of an input, with dropout if the model is in training mode.</summary>
    /// <param name="input">Tokens or images.</param>
    /// <returns>The head's scores, and what the input asks for beside them; zero where there is no token.</returns>
    /// <exception cref="ArgumentException">An input is missing, does not fit, or is not known to this model.</exception>
    ModelOutput Forward(ModelInput input);
}

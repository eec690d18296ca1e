using PreTrain.Checkpoints;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>
/// Updates the weights of <see cref="FlatParameters"/> from their <see cref="FlatParameters.StepGradient"/>. Made by <see cref="IOptimizerOptions.Create"/>. The state is
/// all that a resumed training needs to go on bit for bit.
/// </summary>
public interface IOptimizer : IDisposable
{
    /// <summary>Updates so far.</summary>
    long StepCount { get; }

    /// <summary>The Euclidean norm of all gradients together, computed in one pass; waits for the device.</summary>
    double GradientNorm();

    /// <summary>Updates the weights and their compute copy, and sets the gradients to zero.</summary>
    /// <param name="learningRate">The learning rate of this step.</param>
    /// <param name="gradientScale">What gradients are multiplied with first; see <see cref="AdamW.ClipScale"/>.</param>
    void Step(double learningRate, double gradientScale = 1);

    /// <summary>The tensors of the state, as <c>KIND.PARAMETER</c>. The views belong to the current dispose scope.</summary>
    IEnumerable<(string Name, Tensor View)> State();

    /// <summary>Writes the state as a safetensors file, atomically.</summary>
    /// <param name="path">The file to create or replace.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    void Save(string path);

    /// <summary>Reads what <see cref="Save"/> wrote.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="CheckpointException">The file is missing or damaged, or belongs to other parameters or to another optimizer.</exception>
    void Load(string path);
}

using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that predicts hidden tokens from both sides.</summary>
public interface IMaskedLanguageModel : ITransformerModel
{
    /// <summary>The number of different tokens, V.</summary>
    int VocabSize { get; }

    /// <summary>The longest sequence, in tokens.</summary>
    int ContextLength { get; }

    /// <summary>The cross entropy summed over the positions with a target, divided by <paramref name="normalizer"/>. Scores are computed at those positions only.</summary>
    /// <param name="input">The tokens, some hidden.</param>
    /// <param name="targets">(B, T): the token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="normalizer">The positions that count: of this batch, or of all micro-batches of a step.</param>
    /// <returns>A 32-bit scalar.</returns>
    Tensor Loss(ModelInput input, Tensor targets, double normalizer);

    /// <summary>The scores of every token at the positions that have a target, in the order of rows and columns.</summary>
    /// <param name="input">The tokens, some hidden.</param>
    /// <param name="targets">(B, T): the token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <returns>(M, V), in the type of the weights.</returns>
    Tensor Scores(ModelInput input, Tensor targets);
}

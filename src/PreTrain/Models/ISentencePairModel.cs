// B sequences, T tokens
using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that predicts hidden tokens and, in the same pass, how two segments belong together: one with the head <see cref="ModelHead.PreTraining"/>.</summary>
public interface ISentencePairModel : IMaskedLanguageModel
{
    /// <summary>The sum of two cross entropies: of the hidden tokens divided by <paramref name="normalizer"/>, and of the pairs divided by <paramref name="pairNormalizer"/>.</summary>
    /// <param name="input">The tokens, some hidden, and their segments.</param>
    /// <param name="targets">(B, T): the token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="pairTargets">(B): 0 where the second segment follows the first, 1 where not.</param>
    /// <param name="normalizer">The hidden tokens that count.</param>
    /// <param name="pairNormalizer">The pairs that count.</param>
    /// <returns>A 32-bit scalar.</returns>
    /// <exception cref="InvalidOperationException">The model has another head.</exception>
    Tensor PairLoss(ModelInput input, Tensor targets, Tensor pairTargets, double normalizer, double pairNormalizer);
}

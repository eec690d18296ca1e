// B batch, T tokens, V vocabulary
using PreTrain.Modules;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that predicts each token from those before it.</summary>
public interface ICausalLanguageModel : ITokenPredictor
{
    /// <summary>The scores of every token at every position.</summary>
    /// <param name="ids">(B, T) of 64-bit integers.</param>
    /// <returns>(B, T, V), in the type of the weights.</returns>
    Tensor Logits(Tensor ids);

    /// <summary>The cross entropy summed over the positions with a target, divided by <paramref name="normalizer"/>.</summary>
    /// <param name="ids">(B, T) of 64-bit integers.</param>
    /// <param name="targets">(B, T): the next token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="normalizer">The positions that count: of this batch, or of all micro-batches of a step.</param>
    /// <returns>A 32-bit scalar.</returns>
    Tensor Loss(Tensor ids, Tensor targets, double normalizer);

    /// <summary>The same for sequences of different lengths, and for those whose first tokens see each other.</summary>
    /// <param name="input">The tokens; where <see cref="ModelInput.AttentionMask"/> has none, nothing is computed.</param>
    /// <param name="targets">(B, T): the next token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="normalizer">The positions that count: of this batch, or of all micro-batches of a step.</param>
    /// <returns>A 32-bit scalar.</returns>
    Tensor Loss(ModelInput input, Tensor targets, double normalizer);

    /// <summary>An empty cache for <see cref="ITokenPredictor.NextLogits"/>.</summary>
    /// <param name="batch">B.</param>
    /// <param name="capacity">The most tokens it is to hold; at most <see cref="ITokenPredictor.ContextLength"/>.</param>
    KeyValueCache CreateCache(long batch, int capacity);
}

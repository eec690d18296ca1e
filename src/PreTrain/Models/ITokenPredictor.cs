// B batch, T tokens, V vocabulary
using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that writes token after token: what generation needs of it, whether there is a source beside what it wrote or not.</summary>
public interface ITokenPredictor
{
    /// <summary>The number of different tokens, V.</summary>
    int VocabSize { get; }

    /// <summary>The longest sequence, in tokens.</summary>
    int ContextLength { get; }

    /// <summary>The device of the weights.</summary>
    Device Device { get; }

    /// <summary>The tokens of which each ends a text; none where the model does not know.</summary>
    IReadOnlyList<int> EndIds => [];

    /// <summary>The scores of the token that follows, given the tokens in the cache and these.</summary>
    /// <param name="ids">(B, T) of 64-bit integers: the tokens that the cache has not seen.</param>
    /// <param name="cache">Made by the model; takes up the tokens.</param>
    /// <returns>(B, V) in 32 bits.</returns>
    Tensor NextLogits(Tensor ids, KeyValueCache cache);
}

// B sequences, T tokens of the source, U tokens of the decoder
using PreTrain.Modules;
using static TorchSharp.torch;

namespace PreTrain.Models;

/// <summary>A model that reads one sequence and writes another.</summary>
public interface ISequenceToSequenceModel : ITransformerModel, ITokenPredictor
{
    /// <summary>The token that the decoder's sequences begin with.</summary>
    int DecoderStartId { get; }

    /// <summary>The token that ends a sequence; null if there is none.</summary>
    int? EndId { get; }

    IReadOnlyList<int> ITokenPredictor.EndIds => EndId is { } end ? [end] : [];

    /// <summary>Which tokens it must and must not write.</summary>
    WritingRules Writing => new();

    /// <summary>The token that fills short sequences; null if there is none.</summary>
    int? PaddingId { get; }

    /// <summary>The cross entropy summed over the positions with a target, divided by <paramref name="normalizer"/>.</summary>
    /// <param name="input">The source; <see cref="ModelInput.DecoderIds"/> may be null, and then are the targets, one place further right behind <see cref="DecoderStartId"/>.</param>
    /// <param name="targets">(B, U): the decoder's next token, or <see cref="CrossEntropy.Ignored"/>.</param>
    /// <param name="normalizer">The positions that count: of this batch, or of all micro-batches of a step.</param>
    /// <returns>A 32-bit scalar.</returns>
    Tensor Loss(ModelInput input, Tensor targets, double normalizer);

    /// <summary>Reads a source, and makes an empty cache for <see cref="ITokenPredictor.NextLogits"/> that holds what it has read.</summary>
    /// <param name="source">The source's ids and attention mask.</param>
    /// <param name="capacity">The most tokens that are to be written, the one that the decoder starts with included.</param>
    KeyValueCache Read(ModelInput source, int capacity);
}

// N rows (tokens), C embedding, V vocabulary
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>The head that is a token embedding, transposed (Press and Wolf 2017). It has no parameters of its own; in few bits it is a copy beside the embedding, which looks up tokens as before.</summary>
public sealed class TiedHead : nn.Module
{
    private readonly Func<Tensor> _embedding;
    private readonly Func<Tensor>? _bias;

    /// <summary>Creates the head.</summary>
    /// <param name="embedding">The model's embedding, (V, C).</param>
    /// <param name="bias">Added to the scores, (V); null for none.</param>
    internal TiedHead(Func<Tensor> embedding, Func<Tensor>? bias = null) : base(nameof(TiedHead))
    {
        (_embedding, _bias) = (embedding, bias);
        RegisterComponents();
    }

    /// <summary>What is computed with in place of the embedding; null for the embedding itself. It is a submodule, and disposed with the head.</summary>
    public QuantizedProjection? Quantized
    {
        get;
        internal set
        {
            if (field is not null) register_module("transform", null!);
            value?.train(training);
            if (value is not null) register_module("transform", value);
            field = value;
        }
    }

    /// <summary>The embedding, (V, C).</summary>
    internal Tensor Embedding => _embedding();

    /// <summary>The scores. (N, C) → (N, V)</summary>
    internal Tensor Forward(Tensor rows) => Quantized is null ? WeightProduct.Apply(rows, _embedding(), _bias?.Invoke()) : Quantized.Multiply(rows, _bias?.Invoke());

    /// <summary>The cross entropy of the scores, of which at most so many bytes are there at once.</summary>
    internal Tensor Loss(Tensor rows, Tensor targets, double normalizer, long maxBytes) => Quantized is null
        ? ChunkedCrossEntropy.Apply(rows, _embedding(), _bias?.Invoke(), targets, normalizer, maxBytes)
        : ChunkedCrossEntropy.OfScores(rows, _embedding().size(0), Forward, targets, normalizer, maxBytes);
}

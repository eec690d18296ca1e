// N rows (tokens), C hidden states, E embeddings, V vocabulary
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>The scores of every token from a hidden state: a map, an activation and a norm, and then the token embedding (Devlin et al. 2019, appendix A.2; Press and Wolf 2017).</summary>
public sealed class VocabularyHead : nn.Module
{
    /// <summary>(E, C), with bias.</summary>
    public readonly Projection transform;

    /// <summary>Behind the activation.</summary>
    public readonly Norm norm;

    /// <summary>Added to the scores, (V).</summary>
    public readonly Parameter bias;

    private readonly Activation _activation;

    /// <summary>Creates the head with undefined weights.</summary>
    public VocabularyHead(long width, long embeddingWidth, long vocabSize, Activation activation, double normEpsilon) : base(nameof(VocabularyHead))
    {
        _activation = activation;
        transform = new Projection(width, embeddingWidth);
        norm = new Norm(embeddingWidth, normEpsilon);
        bias = new Parameter(empty([vocabSize], dtype: ScalarType.Float32));
        RegisterComponents();
    }

    /// <summary>Computes.</summary>
    /// <param name="rows">(N, C).</param>
    /// <param name="tokenEmbedding">(V, E).</param>
    /// <returns>(N, V).</returns>
    public Tensor Forward(Tensor rows, Tensor tokenEmbedding) => WeightProduct.Apply(Transform(rows), tokenEmbedding, bias);

    /// <summary>The cross entropy of the scores, of which at most so many bytes are there at once.</summary>
    internal Tensor Loss(Tensor rows, Tensor tokenEmbedding, Tensor targets, double normalizer, long maxBytes) =>
        ChunkedCrossEntropy.Apply(Transform(rows), tokenEmbedding, bias, targets, normalizer, maxBytes);

    private Tensor Transform(Tensor rows) => norm.forward(Activations.Apply(_activation, transform.Product(rows), transform.bias));   // (N, E)
}

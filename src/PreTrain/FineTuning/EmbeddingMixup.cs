// B sequences, L labels
using System.Text.Json.Nodes;
using PreTrain.Data.Masking;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// A classification of mixed texts: of each two representations of a batch, h = λ·hᵢ + (1 − λ)·hⱼ, for which λ times the loss of i's labels and 1 − λ times that of j's are learned, λ from Beta(α, α) (Guo, Mao
/// and Zhang 2019, "Augmenting Data with Mixup for Sentence Classification", section 3, "senMixup"; Sun et al. 2020, "Mixup-Transformer", section 3). Evaluations measure the loss itself.
/// </summary>
/// <remarks>The representation is what the last linear map of the head reads. Since that map is affine and both shares sum to 1, its scores are mixed instead, which is the same in every family.</remarks>
public sealed class EmbeddingMixup : IObjective<ITransformerModel>
{
    private readonly SequenceClassification _inner;

    /// <summary>Mixes what is learned.</summary>
    /// <param name="inner">What is learned: classes or numbers.</param>
    /// <param name="alpha">Both parameters of the Beta distribution; 1 is even, as in Guo et al.</param>
    /// <exception cref="ArgumentException"><paramref name="alpha"/> is not positive.</exception>
    public EmbeddingMixup(SequenceClassification inner, double alpha = 1)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!(alpha > 0 && double.IsFinite(alpha))) throw new ArgumentException($"alpha ({alpha}) must be positive.", nameof(alpha));
        (_inner, Alpha) = (inner, alpha);
    }

    /// <summary>Both parameters of the Beta distribution.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    public string Name => "mixup";

    /// <inheritdoc/>
    public bool CanSplit => false;   // rows are mixed with each other

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = Name, ["alpha"] = Alpha, ["of"] = _inner.Describe() };

    /// <inheritdoc/>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null)
    {
        var seeds = new RandomStreams(streams.SeedOf("data"));
        return NumberedSource.Open(state, inner => _inner.Open(streams, model, batchSize, inner), number => seeds.SeedOf("mixup", number));
    }

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize) => _inner.Evaluation(model, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (model is not nn.Module { training: true }) return _inner.Loss(model, batch, normalizer);
        using DisposeScope scope = NewDisposeScope();
        var (share, order) = Draw(batch);
        Tensor scores = _inner.Scores(model, batch);   // (B, L)
        Tensor mixed = scores * share + scores.index_select(0, tensor(Array.ConvertAll(order, row => (long)row), device: scores.device)) * (1 - share);
        int width = batch.TargetLength;
        Batch others = batch with { Targets = [.. order.SelectMany(row => batch.Targets[(row * width)..((row + 1) * width)])], Values = batch.Values is { } values ? [.. order.Select(row => values[row])] : null };
        return scope.MoveToOuter((_inner.LossOf(mixed, batch) * share + _inner.LossOf(mixed, others) * (1 - share)) / normalizer);
    }

    /// <summary>λ, and the row that each row is mixed with.</summary>
    internal (double Share, int[] Order) Draw(Batch batch)
    {
        var random = new MaskRandom(unchecked((ulong)batch.Seed));
        double one = Gamma(ref random), other = Gamma(ref random);
        return (one / (one + other), random.Permutation(batch.Rows));
    }

    /// <summary>A number of the Gamma distribution of shape α (Marsaglia and Tsang 2000, "A Simple Method for Generating Gamma Variables").</summary>
    private double Gamma(ref MaskRandom random)
    {
        double shape = Alpha < 1 ? Alpha + 1 : Alpha, d = shape - 1.0 / 3, c = 1 / Math.Sqrt(9 * d);
        while (true)
        {
            double x = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble()), v = Math.Pow(1 + c * x, 3);
            if (v <= 0 || Math.Log(1 - random.NextDouble()) >= 0.5 * x * x + d - d * v + d * Math.Log(v)) continue;
            return Alpha < 1 ? d * v * Math.Pow(1 - random.NextDouble(), 1 / Alpha) : d * v;
        }
    }
}

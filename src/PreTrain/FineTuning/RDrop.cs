// B sequences, L labels
using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>
/// A classification each text of which is read twice, with different dropout, and which learns to say the same both times (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", equations 1 to 4):
/// the sum of both losses, and α/2·(KL(P₁‖P₂) + KL(P₂‖P₁)). Evaluations measure the loss itself.
/// </summary>
public sealed class RDrop : IObjective<ITransformerModel>
{
    private readonly SequenceClassification _inner;

    /// <summary>Puts the term beside a loss.</summary>
    /// <param name="inner">What is learned: classes.</param>
    /// <param name="alpha">The weight α of the divergence; the paper takes 0.1 to 1 for GLUE.</param>
    /// <exception cref="ArgumentException">The weight is not positive, or numbers are learned.</exception>
    public RDrop(SequenceClassification inner, double alpha = 1)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!(alpha > 0 && double.IsFinite(alpha))) throw new ArgumentException($"alpha ({alpha}) must be positive.", nameof(alpha));
        if (inner.Task == ClassificationTask.Regression) throw new ArgumentException($"R-Drop compares distributions over classes, and the task is {inner.Task}.", nameof(inner));
        (_inner, Alpha) = (inner, alpha);
    }

    /// <summary>The weight of the divergence.</summary>
    public double Alpha { get; }

    /// <inheritdoc/>
    public string Name => "r-drop";

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = Name, ["alpha"] = Alpha, ["of"] = _inner.Describe() };

    /// <inheritdoc/>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null) => _inner.Open(streams, model, batchSize, state);

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize) => _inner.Evaluation(model, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        if (model is not nn.Module { training: true }) return _inner.Loss(model, batch, normalizer);
        using DisposeScope scope = NewDisposeScope();
        Tensor one = _inner.Scores(model, batch), other = _inner.Scores(model, batch);   // (B, L)
        // Σ (p − q)·(log p − log q) is the sum of both divergences; of yes and no it is (p − q)·(z₁ − z₂).
        Tensor divergence = _inner.Task == ClassificationTask.MultiLabel
            ? ((one.sigmoid() - other.sigmoid()) * (one - other)).sum()
            : ((nn.functional.softmax(one, 1) - nn.functional.softmax(other, 1)) * (nn.functional.log_softmax(one, 1) - nn.functional.log_softmax(other, 1))).sum();
        return scope.MoveToOuter((_inner.LossOf(one, batch) + _inner.LossOf(other, batch) + divergence * (Alpha / 2)) / normalizer);
    }
}

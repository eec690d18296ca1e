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
/// A classification with a loss that wrong labels move less: (1 − p^q) / q, between the cross entropy (q near 0) and the mean absolute error (q = 1) (Zhang and Sabuncu 2018, "Generalized Cross Entropy Loss
/// for Training Deep Neural Networks with Noisy Labels", equation 6). Evaluations measure the cross entropy.
/// </summary>
public sealed class GeneralizedCrossEntropy : IObjective<ITransformerModel>
{
    private readonly SequenceClassification _inner;

    /// <summary>Takes the place of the cross entropy. Weights, smoothing and focusing of <paramref name="inner"/> are of no effect in training.</summary>
    /// <param name="inner">What is learned: one class for each text.</param>
    /// <param name="q">From above 0 to 1; the paper's is 0.7.</param>
    /// <exception cref="ArgumentException"><paramref name="q"/> is out of range, or not one class is learned.</exception>
    public GeneralizedCrossEntropy(SequenceClassification inner, double q = 0.7)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!(q > 0 && q <= 1)) throw new ArgumentException($"q ({q}) must be above 0 and at most 1.", nameof(q));
        if (inner.Task != ClassificationTask.SingleLabel) throw new ArgumentException($"The loss is for one class of several, and the task is {inner.Task}.", nameof(inner));
        (_inner, Q) = (inner, q);
    }

    /// <summary>The exponent.</summary>
    public double Q { get; }

    /// <inheritdoc/>
    public string Name => "generalized-cross-entropy";

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = Name, ["q"] = Q, ["of"] = _inner.Describe() };

    /// <inheritdoc/>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null) => _inner.Open(streams, model, batchSize, state);

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize) => _inner.Evaluation(model, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        if (model is not nn.Module { training: true }) return _inner.Loss(model, batch, normalizer);
        using DisposeScope scope = NewDisposeScope();
        Tensor logs = nn.functional.log_softmax(_inner.Scores(model, batch), 1).gather(1, tensor(batch.Targets, [batch.Rows, 1]).to(model.Device));
        return scope.MoveToOuter((logs * Q).expm1().sum() * (-1 / Q) / normalizer);
    }
}

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
/// A classification that learns from the texts of each batch whose loss is smallest, since wrong labels are learned last: the share 1 − τ·min(t / T, 1) of them (Han et al. 2018, "Co-teaching: Robust Training of
/// Deep Neural Networks with Extremely Noisy Labels", section 3; with one network, which chooses for itself). Evaluations measure the cross entropy.
/// </summary>
public sealed class SmallLossSelection : IObjective<ITransformerModel>
{
    private readonly SequenceClassification _inner;

    /// <summary>Chooses among the texts of each batch.</summary>
    /// <param name="inner">What is learned: one class for each text.</param>
    /// <param name="noiseRate">The share τ of wrong labels that is reckoned with, from above 0 to below 1.</param>
    /// <param name="rampBatches">The batches T over which the share of texts that are left out grows to τ.</param>
    /// <exception cref="ArgumentException">A number is out of range, or not one class is learned.</exception>
    public SmallLossSelection(SequenceClassification inner, double noiseRate, int rampBatches = 1)
    {
        ArgumentNullException.ThrowIfNull(inner);
        if (!(noiseRate > 0 && noiseRate < 1)) throw new ArgumentException($"noiseRate ({noiseRate}) must be above 0 and below 1.", nameof(noiseRate));
        if (rampBatches < 1) throw new ArgumentException($"rampBatches ({rampBatches}) must be at least 1.", nameof(rampBatches));
        if (inner.Task != ClassificationTask.SingleLabel) throw new ArgumentException($"Texts are chosen by the loss of one class of several, and the task is {inner.Task}.", nameof(inner));
        (_inner, NoiseRate, RampBatches) = (inner, noiseRate, rampBatches);
    }

    /// <summary>The share of wrong labels that is reckoned with.</summary>
    public double NoiseRate { get; }

    /// <summary>The batches over which the share of texts that are left out grows.</summary>
    public int RampBatches { get; }

    /// <inheritdoc/>
    public string Name => "small-loss-selection";

    /// <inheritdoc/>
    public bool CanSplit => false;   // rows are compared with each other

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = Name, ["noiseRate"] = NoiseRate, ["rampBatches"] = RampBatches, ["of"] = _inner.Describe() };

    /// <inheritdoc/>
    public IBatchSource Open(RandomStreams streams, ITransformerModel model, int batchSize, JsonObject? state = null) =>
        NumberedSource.Open(state, inner => _inner.Open(streams, model, batchSize, inner), number => number);

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ITransformerModel model, int batchSize) => _inner.Evaluation(model, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ITransformerModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(batch);
        if (model is not nn.Module { training: true }) return _inner.Loss(model, batch, normalizer);
        using DisposeScope scope = NewDisposeScope();
        Tensor losses = -nn.functional.log_softmax(_inner.Scores(model, batch), 1).gather(1, tensor(batch.Targets, [batch.Rows, 1]).to(model.Device)).squeeze(1);   // (B)
        int kept = KeptOf(batch);
        float[] values = losses.detach().cpu().data<float>().ToArray();
        long[] chosen = [.. Enumerable.Range(0, values.Length).OrderBy(row => values[row]).Take(kept).Order().Select(row => (long)row)];
        // The mean over those that are kept, as if the batch had no others.
        return scope.MoveToOuter(losses.index_select(0, tensor(chosen, device: losses.device)).sum() * ((double)batch.Rows / kept) / normalizer);
    }

    /// <summary>How many texts of a batch are learned from, at least one.</summary>
    internal int KeptOf(Batch batch) => Math.Max(1, (int)Math.Round(batch.Rows * (1 - NoiseRate * Math.Min(1, (batch.Seed + 1.0) / RampBatches))));
}

using System.Text.Json.Nodes;
using PreTrain.Torch;
using static TorchSharp.torch;

namespace PreTrain.Objectives;

/// <summary>What a training step predicts: where its batches come from, and the loss of a model on one.</summary>
/// <typeparam name="TModel">The kind of model that it trains.</typeparam>
public interface IObjective<in TModel>
{
    /// <summary>A short name for logs and checkpoints.</summary>
    string Name { get; }

    /// <summary>
    /// Whether a batch may be computed in pieces (<see cref="Batch.Split"/>), because its loss is the sum of those of its rows. Not so where rows are compared with each other, as in
    /// contrastive learning.
    /// </summary>
    bool CanSplit => true;

    /// <summary>
    /// Whether the loss is the cross entropy of a model's scores and a batch's targets and nothing else, so that who has the scores already can compute it. Not so where a loss has further
    /// terms, or other models.
    /// </summary>
    bool IsTokenPrediction => false;

    /// <summary>
    /// How many processes draw the batches of a step together, each its part of them. Their gradients are not exchanged: each process trains a model of its own. A run may be resumed by another number of processes whose batches have as many sequences together: what a
    /// step draws stays the same then, so that no sequence is lost or drawn twice.
    /// </summary>
    int ProcessCount => 1;

    /// <summary>What must be the same for a run to be resumed: data, tokenizer, and options, as they stand in the checkpoint.</summary>
    JsonObject Describe();

    /// <summary>Starts the training data anew, or where a checkpoint left it.</summary>
    /// <param name="streams">The random streams of the run: <c>data</c> decides the order, <c>mask</c> what is hidden.</param>
    /// <param name="model">The model to be trained, whose limits (context, vocabulary) the batches keep.</param>
    /// <param name="state">From <see cref="IBatchSource.State"/>, or null.</param>
    /// <param name="batchSize">Sequences of a micro-batch.</param>
    /// <returns>The source of the run's micro-batches.</returns>
    IBatchSource Open(RandomStreams streams, TModel model, int batchSize, JsonObject? state = null);

    /// <summary>The held-out batches, always the same and in the same order; none where nothing is held out.</summary>
    /// <param name="model">The model to be evaluated.</param>
    /// <param name="batchSize">Sequences of a batch.</param>
    IEnumerable<Batch> Evaluation(TModel model, int batchSize);

    /// <summary>The loss of a batch: summed over its valid targets and divided by <paramref name="normalizer"/>.</summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The batch.</param>
    /// <param name="normalizer">The valid targets of the whole step.</param>
    /// <returns>A 32-bit scalar on the model's device.</returns>
    Tensor Loss(TModel model, Batch batch, double normalizer);
}

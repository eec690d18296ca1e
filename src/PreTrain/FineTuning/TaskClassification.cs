using System.Text.Json.Nodes;
using PreTrain.Data;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.FineTuning;

/// <summary>What a <see cref="MultiTaskModel"/> learns of one task. In training, the loss counts the task's weight; evaluations measure the loss itself.</summary>
/// <param name="task">The task's name.</param>
/// <param name="inner">What is learned.</param>
public sealed class TaskClassification(string task, SequenceClassification inner) : IObjective<MultiTaskModel>
{
    /// <inheritdoc/>
    public string Name => task;

    /// <inheritdoc/>
    public JsonObject Describe() => new() { ["objective"] = "task", ["task"] = task, ["of"] = inner.Describe() };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The model has no such task, or the task other labels than the texts.</exception>
    public IBatchSource Open(RandomStreams streams, MultiTaskModel model, int batchSize, JsonObject? state = null) => inner.Open(streams, View(model), batchSize, state);

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(MultiTaskModel model, int batchSize) => inner.Evaluation(View(model), batchSize);

    /// <inheritdoc/>
    public Tensor Loss(MultiTaskModel model, Batch batch, double normalizer)
    {
        ArgumentNullException.ThrowIfNull(batch);
        TaskView view = View(model);
        if (!model.training) return inner.Loss(view, batch, normalizer);
        using DisposeScope scope = NewDisposeScope();
        Tensor loss = inner.Loss(view, batch, normalizer);
        if (model.log_variances is null) return scope.MoveToOuter(loss * Find(model).Head.Weight);
        Tensor s = model.log_variances[Find(model).Place].to(ScalarType.Float32);
        // The term of each target, as the loss is a sum over them.
        return scope.MoveToOuter(loss * (-s).exp() * (inner.Task == ClassificationTask.Regression ? 0.5 : 1) + s * (batch.ValidTargets / (2 * normalizer)));
    }

    private TaskView View(MultiTaskModel model) => new(model, Find(model).Head);

    private (int Place, MultiTaskHead Head) Find(MultiTaskModel model)
    {
        ArgumentNullException.ThrowIfNull(model);
        for (int i = 0; i < model.Tasks.Count; i++)
            if (model.Tasks[i].Name == task) return (i, model.Tasks[i]);
        throw new ArgumentException($"There is no task '{task}'; the model has {string.Join(", ", model.Tasks.Select(t => t.Name))}.", nameof(model));
    }
}

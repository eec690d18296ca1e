using System.Text.Json.Nodes;
using PreTrain.Models;
using PreTrain.Objectives;
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Distillation;

/// <summary>A <see cref="Distillation{TModel}"/> of hidden states into a student of another width, with the student's learned maps between them.</summary>
/// <typeparam name="TModel">The student's type.</typeparam>
/// <param name="distillation">What is learned; a weight of hidden states or of their cosine should be positive, since the maps learn nothing otherwise.</param>
public sealed class ProjectedDistillation<TModel>(Distillation<TModel> distillation) : IObjective<ProjectedStudent<TModel>> where TModel : nn.Module, ITransformerModel
{
    /// <inheritdoc/>
    public string Name => distillation.Name;

    /// <inheritdoc/>
    public bool CanSplit => distillation.CanSplit;

    /// <inheritdoc/>
    public int ProcessCount => distillation.ProcessCount;

    /// <inheritdoc/>
    public JsonObject Describe() => distillation.Describe();

    /// <inheritdoc/>
    public IBatchSource Open(RandomStreams streams, ProjectedStudent<TModel> model, int batchSize, JsonObject? state = null) => distillation.Open(streams, model.Student, batchSize, state);

    /// <inheritdoc/>
    public IEnumerable<Batch> Evaluation(ProjectedStudent<TModel> model, int batchSize) => distillation.Evaluation(model.Student, batchSize);

    /// <inheritdoc/>
    public Tensor Loss(ProjectedStudent<TModel> model, Batch batch, double normalizer) => distillation.Loss(model.Student, batch, normalizer, model.projections);
}

using System.Text.Json.Nodes;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Torch;

namespace PreTrain.Compression;

/// <summary>Trains what the stages before have left, with the model that the recipe began with as its teacher. Weights that are zero stay so.</summary>
public sealed record DistillStage : CompressionStage
{
    private static readonly DistillationOptions s_usual = new();

    /// <summary>What is learned from the teacher; an <see cref="DistillationOptions.Alpha"/> of 1 is fine-tuning without one.</summary>
    /// <value>The default is that of <see cref="DistillationOptions"/>.</value>
    public DistillationOptions Teaching { get; init; } = new();

    /// <summary>Updates of the weights.</summary>
    /// <value>The default is 500.</value>
    public int Steps { get; init; } = 500;

    /// <summary>Sequences of a step.</summary>
    /// <value>The default is 16.</value>
    public int BatchSize { get; init; } = 16;

    /// <summary>The highest learning rate; it is less than for a model that knows nothing.</summary>
    /// <value>The default is 3·10⁻⁴.</value>
    public double LearningRate { get; init; } = 3e-4;

    /// <summary>The number format of the compute copy of the weights.</summary>
    /// <value>The default is <see cref="Precision.Float32"/>.</value>
    public Precision Precision { get; init; } = Precision.Float32;

    /// <inheritdoc/>
    public override string Name => "distill";

    internal override bool ReadsRows => false;

    /// <summary>Whether it asks a teacher for anything.</summary>
    internal bool NeedsTeacher => Teaching.Alpha < 1 || Teaching.WantsLayers;

    /// <inheritdoc/>
    public override JsonObject ToJson() => new()
    {
        ["stage"] = Name,
        ["steps"] = Steps,
        ["batch"] = BatchSize,
        ["learning-rate"] = LearningRate,
        ["precision"] = RecipeWords.Of(Precision),
        // Of no effect, and refused by a recipe, unless somebody has set them.
        ["temperature"] = Teaching.Alpha < 1 || Teaching.Temperature != s_usual.Temperature ? Teaching.Temperature : null,
        ["alpha"] = Teaching.Alpha,
        ["divergence"] = Teaching.Alpha < 1 || Teaching.Divergence != s_usual.Divergence ? RecipeWords.Of(Teaching.Divergence) : null,
        ["hidden-weight"] = Teaching.HiddenWeight,
        ["attention-weight"] = Teaching.AttentionWeight,
        ["relation-weight"] = Teaching.RelationWeight,
        ["value-relation-weight"] = Teaching.ValueRelationWeight,
        ["cosine-weight"] = Teaching.CosineWeight,
        ["layer-map"] = Teaching.LayerMap is { } map ? new JsonArray([.. map.Select(layer => JsonValue.Create(layer))]) : null,
    };

    /// <inheritdoc/>
    public override void Validate()
    {
        Teaching.Validate();
        var rules = new ConfigRules();
        rules.Positive((nameof(Steps), Steps), (nameof(BatchSize), BatchSize));
        rules.Positive((nameof(LearningRate), LearningRate));
        rules.Finish();
    }
}

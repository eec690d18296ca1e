using System.Text.Json.Nodes;
using PreTrain.Pruning;

namespace PreTrain.Compression;

/// <summary>Takes heads, neurons and layers out of the model, or sets weights to zero, or first the one and then the other. What is seen while the model reads is seen on its training text.</summary>
public sealed record PruneStage : CompressionStage
{
    /// <summary>Which units are taken out; null for none.</summary>
    /// <value>The default is null.</value>
    public StructuredPruningOptions? Units { get; init; }

    /// <summary>Which weights become zero; null for none.</summary>
    /// <value>The default is null.</value>
    public PruningOptions? Weights { get; init; }

    /// <inheritdoc/>
    public override string Name => "prune";

    /// <inheritdoc/>
    public override JsonObject ToJson()
    {
        var json = new JsonObject { ["stage"] = Name };
        if (Units is { } units)
        {
            (json["heads"], json["neurons"]) = (units.HeadSparsity, units.NeuronSparsity);
            (json["layers"], json["decoder-layers"], json["importance"]) = (units.RemovedLayers, units.RemovedDecoderLayers, RecipeWords.Of(units.Importance));
        }
        if (Weights is { } weights)
        {
            (json["method"], json["sparsity"]) = (RecipeWords.Of(weights.Method), weights.Pattern is null ? weights.Sparsity : null);
            (json["pattern"], json["scope"]) = (weights.Pattern?.ToString(), weights.Scope is { } scope ? RecipeWords.Of(scope) : null);
            (json["damping"], json["block-size"], json["minimum-tokens"]) = (weights.Damping, weights.BlockSize, weights.MinimumTokens);
            json["targets"] = new JsonArray([.. weights.Targets.Select(target => JsonValue.Create(target))]);
        }
        return json;
    }

    /// <inheritdoc/>
    public override void Validate()
    {
        if (Units is null && Weights is null) throw new ArgumentException($"{nameof(Units)} or {nameof(Weights)} must be given; nothing would be pruned.");
        Units?.Validate();
        Weights?.Validate();
    }
}

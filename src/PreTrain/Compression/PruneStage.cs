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

    internal override bool ReadsRows => Units is { NeedsCalibration: true } || Weights is { NeedsCalibration: true };

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
            // Of no effect, and refused by a recipe, unless somebody has set them.
            PruningOptions usual = new();
            json["damping"] = MissingMethod("damping", weights.Method) is null || weights.Damping != usual.Damping ? weights.Damping : null;
            json["block-size"] = MissingMethod("block-size", weights.Method) is null || weights.BlockSize != usual.BlockSize ? weights.BlockSize : null;
            json["minimum-tokens"] = MissingMethod("minimum-tokens", weights.Method) is null || weights.MinimumTokens != usual.MinimumTokens ? weights.MinimumTokens : null;
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

    /// <summary>The methods that a key goes with; null if this is one of them.</summary>
    internal static string? MissingMethod(string key, PruningMethod method) => key switch
    {
        "damping" or "block-size" when method != PruningMethod.SparseGpt => "sparsegpt",
        "minimum-tokens" when method == PruningMethod.Magnitude => "wanda or sparsegpt",
        _ => null,
    };
}

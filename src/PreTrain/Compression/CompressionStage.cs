using System.Text.Json.Nodes;

namespace PreTrain.Compression;

/// <summary>A step of a <see cref="CompressionRecipe"/>: <see cref="PruneStage"/>, <see cref="DistillStage"/> or <see cref="QuantizeStage"/>.</summary>
public abstract record CompressionStage
{
    private protected CompressionStage()
    {
    }

    /// <summary>What a recipe calls it.</summary>
    public abstract string Name { get; }

    /// <summary>Whether the model reads rows of the training text in it, as many as <see cref="CompressionRecipe.Samples"/> says.</summary>
    internal abstract bool ReadsRows { get; }

    /// <summary>All its options as JSON: what must be the same for what it has made to be used again.</summary>
    public abstract JsonObject ToJson();

    /// <summary>Checks all options.</summary>
    /// <exception cref="ArgumentException">Names every option that is out of range, its value and the rule.</exception>
    public abstract void Validate();
}

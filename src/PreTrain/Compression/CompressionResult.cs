using System.Text.Json.Nodes;

namespace PreTrain.Compression;

/// <summary>What a recipe came to.</summary>
public sealed record CompressionResult
{
    /// <summary>What the models were trained and measured by, such as <c>causal-lm</c> or <c>span-corruption</c>.</summary>
    public required string Objective { get; init; }

    /// <summary>The model as it was, and behind each stage that is finished.</summary>
    public required IReadOnlyList<CompressionStep> Steps { get; init; }

    /// <summary>The full path of the folder with the stages.</summary>
    public required string Output { get; init; }

    /// <summary>Whether it was cancelled before its last stage was finished. The same call goes on where it ended.</summary>
    public required bool Interrupted { get; init; }

    /// <summary>The page with the table.</summary>
    public string Report => Path.Combine(Output, CompressionPage.FileName);

    /// <summary>The same as JSON.</summary>
    public JsonObject ToJson() => new() { ["output"] = Output, ["report"] = Report, ["objective"] = Objective, ["stages"] = new JsonArray([.. Steps.Select(step => step.ToJson())]) };
}

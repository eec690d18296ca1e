using System.Text.Json.Nodes;
using PreTrain.Models;

namespace PreTrain.Pruning;

/// <summary>A model that was made smaller, and what is left of the former one.</summary>
public sealed record StructuredPruningResult : IDisposable
{
    /// <summary>The smaller model, an ordinary one of the same family. It is the caller's to dispose, by itself or with the result.</summary>
    public required ITransformerModel Model { get; init; }

    /// <summary>The layers that stay, by what their names begin with, such as <c>blocks.</c>.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<int>> Layers { get; init; }

    /// <summary>The heads that stay (groups of heads where several share keys and values), by the map of the former model that reads them, such as <c>blocks.0.attention_output</c>.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<int>> Heads { get; init; }

    /// <summary>The feed-forward neurons that stay, likewise.</summary>
    public required IReadOnlyDictionary<string, IReadOnlyList<int>> Neurons { get; init; }

    /// <summary>The parameters of the former model.</summary>
    public required long ParametersBefore { get; init; }

    /// <summary>The parameters of the smaller one.</summary>
    public required long ParametersAfter { get; init; }

    /// <summary>The same as JSON, without the model.</summary>
    public JsonObject ToJson() => new()
    {
        ["parametersBefore"] = ParametersBefore,
        ["parametersAfter"] = ParametersAfter,
        ["layers"] = Lists(Layers),
        ["heads"] = Lists(Heads),
        ["neurons"] = Lists(Neurons),
    };

    /// <summary>Disposes the model.</summary>
    public void Dispose() => Model.Dispose();

    private static JsonObject Lists(IReadOnlyDictionary<string, IReadOnlyList<int>> lists) =>
        new(lists.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)new JsonArray([.. pair.Value.Select(value => JsonValue.Create(value))]))));
}

using System.Text.Json.Nodes;

namespace PreTrain.Reports;

/// <summary>A JSON object as rows of a table: what lies in inner objects has their names before its own.</summary>
internal static class ConfigurationRows
{
    internal static List<(string Name, string Value)> Of(JsonObject json)
    {
        var rows = new List<(string, string)>();
        Add("", json);
        return rows;

        void Add(string name, JsonNode? node)
        {
            if (node is JsonObject inner)
            {
                foreach (var (key, value) in inner) Add(name.Length == 0 ? key : $"{name}.{key}", value);
                return;
            }
            rows.Add((name, node is JsonValue text && text.TryGetValue(out string? plain) ? plain : node?.ToJsonString() ?? ""));
        }
    }
}

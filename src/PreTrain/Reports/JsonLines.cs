using System.Text.Json;
using System.Text.Json.Nodes;

namespace PreTrain.Reports;

/// <summary>Reads files of one JSON object a line while somebody may be writing them: a torn last line is left out.</summary>
internal static class JsonLines
{
    internal static List<JsonObject> Read(string path)
    {
        var lines = new List<JsonObject>();
        if (!File.Exists(path)) return lines;
        using var reader = new StreamReader(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete));
        while (reader.ReadLine() is { } line)
        {
            try
            {
                if (JsonNode.Parse(line) is JsonObject json) lines.Add(json);
            }
            catch (JsonException)
            {
                // The process was killed within a line, or is at it.
            }
        }
        return lines;
    }

    internal static double? Number(this JsonObject line, string name) => line[name] is JsonValue value && value.TryGetValue(out double number) ? number : null;

    internal static string Text(this JsonObject line, string name) => line[name] is JsonValue value && value.TryGetValue(out string? text) ? text : "";
}

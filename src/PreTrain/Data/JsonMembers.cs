using System.Text.Json;

namespace PreTrain.Data;

/// <summary>Reads members of the JSON object of a line, and says what is wrong with them.</summary>
internal static class JsonMembers
{
    /// <summary>The object of a line.</summary>
    /// <returns>Null, and why, where it holds something else.</returns>
    public static JsonElement? Object(ReadOnlySpan<byte> line, string example, out string? fault)
    {
        var reader = new Utf8JsonReader(line);
        using JsonDocument json = JsonDocument.ParseValue(ref reader);
        reader.Read();   // anything after the object is a fault
        fault = json.RootElement.ValueKind == JsonValueKind.Object ? null : $"it holds {Short(json.RootElement)}, and an object is expected. Write {example} on each line";
        return fault is null ? json.RootElement.Clone() : null;
    }

    /// <summary>A text that is not blank.</summary>
    /// <returns>Null, and why, where there is none.</returns>
    public static string? Text(JsonElement parent, string field, out string? fault)
    {
        fault = !parent.TryGetProperty(field, out JsonElement member) ? $"it has no member \"{field}\""
            : member.ValueKind != JsonValueKind.String ? $"its member \"{field}\" is {Short(member)}, and a text is expected"
            : string.IsNullOrWhiteSpace(member.GetString()) ? $"its member \"{field}\" is empty" : null;
        return fault is null ? member.GetString() : null;
    }

    public static string Short(JsonElement value) => value.GetRawText() is { Length: > 60 } text ? text[..57] + "…" : value.GetRawText();
}

using System.Text.Json;

namespace PreTrain.Cli.Tests;

/// <summary>What one call of the tool gave.</summary>
internal sealed record ToolResult(int ExitCode, string Output, string Error)
{
    /// <summary>Standard output as exactly one JSON object.</summary>
    public JsonElement Json()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error}");
        JsonElement json = JsonDocument.Parse(Output).RootElement;
        Assert.Equal(JsonValueKind.Object, json.ValueKind);
        return json;
    }

    /// <summary>The names of the members of the JSON object, in order.</summary>
    public string[] Keys() => [.. Json().EnumerateObject().Select(member => member.Name)];
}

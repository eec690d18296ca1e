using System.Globalization;
using System.Text.Json;
using PreTrain.Cli.Hosting;

namespace PreTrain.Cli.Commands;

/// <summary>Measures by name, as the tool tells them.</summary>
internal static class MetricsText
{
    public static void Write(Utf8JsonWriter json, IReadOnlyDictionary<string, double> metrics)
    {
        json.WriteStartObject("metrics");
        foreach (var (name, value) in metrics) json.WriteFinite(name, value);
        json.WriteEndObject();
    }

    public static void Write(TextWriter text, IReadOnlyDictionary<string, double> metrics)
    {
        foreach (var (name, value) in metrics) text.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-18} {value:F4}"));
    }
}

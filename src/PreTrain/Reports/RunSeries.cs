using System.Text.Json.Nodes;
using PreTrain.Training;

namespace PreTrain.Reports;

/// <summary>The numbers of a run by step, as its folder holds them, those before a resumed checkpoint included.</summary>
internal sealed class RunSeries
{
    private readonly List<JsonObject> _lines;

    private RunSeries(List<JsonObject> lines) => _lines = lines;

    internal static RunSeries Load(string folder) =>
        new([.. JsonLines.Read(Path.Combine(folder, RunFolder.MetricsName)), .. JsonLines.Read(Path.Combine(folder, RunFolder.TimingsName))]);

    /// <summary>A quantity by step.</summary>
    internal ChartSeries Of(string name, string title, double factor = 1) =>
        new(title, [.. _lines.Where(line => line.ContainsKey("step")).Select(line => (X: line.Number("step") ?? 0, Y: line.Number(name))).Where(p => p.Y is not null).Select(p => (p.X, p.Y!.Value * factor))]);
}

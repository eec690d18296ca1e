using System.Text.Json.Nodes;

namespace PreTrain.Reports;

/// <summary>All that a page shows.</summary>
internal sealed record ReportContent
{
    public required string Title { get; init; }

    /// <summary>running, done, interrupted or failed.</summary>
    public required string Status { get; init; }

    public required int Step { get; init; }

    public required int Steps { get; init; }

    public required string Written { get; init; }

    /// <summary>Short names and values, the most important first.</summary>
    public required IReadOnlyList<(string Name, string Value)> Figures { get; init; }

    public required RunSeries Series { get; init; }

    public required IReadOnlyList<TextSample> Samples { get; init; }

    public required IReadOnlyList<RunJournal.Entry> Events { get; init; }

    public required StepProfile? Profile { get; init; }

    public required JsonObject? Configuration { get; init; }
}

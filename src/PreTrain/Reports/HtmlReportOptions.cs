using System.Text.Json.Nodes;

namespace PreTrain.Reports;

/// <summary>What a report shows beside the run's numbers.</summary>
public sealed record HtmlReportOptions
{
    /// <summary>The page's title; null for the name of the run's folder.</summary>
    /// <value>The default is null.</value>
    public string? Title { get; init; }

    /// <summary>The run's configuration; null for none.</summary>
    /// <value>The default is null.</value>
    public JsonObject? Configuration { get; init; }

    /// <summary>Text through the training; stands before the report in the callbacks. Null for none.</summary>
    /// <value>The default is null.</value>
    public TextSamples? Samples { get; init; }

    /// <summary>Utilization, energy and the time that is left; stands before the report in the callbacks. Null for none.</summary>
    /// <value>The default is null.</value>
    public EfficiencyMeter? Efficiency { get; init; }

    /// <summary>Where the time of a step goes; stands before the report in the callbacks. Null for none.</summary>
    /// <value>The default is null.</value>
    public StepProfiler? Profiler { get; init; }
}

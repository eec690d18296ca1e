namespace PreTrain.Reports;

/// <summary>A curve of a chart.</summary>
internal sealed record ChartSeries(string Name, IReadOnlyList<(double X, double Y)> Points);

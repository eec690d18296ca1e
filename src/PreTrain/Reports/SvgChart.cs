using System.Globalization;
using System.Net;
using System.Text;

namespace PreTrain.Reports;

/// <summary>Draws curves over steps as SVG, without scripts; colours come from the page's style sheet.</summary>
internal static class SvgChart
{
    private const double Width = 440, Height = 220, Left = 52, Right = 14, Top = 10, Bottom = 26;
    private const int MostPoints = 300;

    /// <summary>A figure with a caption that names the curves and their last values; empty where there is nothing to draw.</summary>
    internal static string Draw(string title, string unit, params ReadOnlySpan<ChartSeries> all)
    {
        List<ChartSeries> series = [.. all.ToArray().Select(s => s with { Points = [.. s.Points.Where(p => double.IsFinite(p.Y))] }).Where(s => s.Points.Count > 0)];
        if (series.Count == 0) return "";
        (double low, double high, double step) = Scale(series.Min(s => s.Points.Min(p => p.Y)), series.Max(s => s.Points.Max(p => p.Y)), 5);
        (double first, double last) = (series.Min(s => s.Points[0].X), series.Max(s => s.Points[^1].X));
        double X(double x) => last > first ? Left + (x - first) / (last - first) * (Width - Left - Right) : (Left + Width - Right) / 2;
        double Y(double y) => Height - Bottom - (y - low) / (high - low) * (Height - Top - Bottom);

        var svg = new StringBuilder();
        svg.Append(Invariant($"<figure><figcaption><strong>{Text(title)}</strong>"));
        for (int i = 0; i < series.Count; i++)
            svg.Append(Invariant($" <span><i class=\"k{i}\"></i>{Text(series[i].Name)} {Number(series[i].Points[^1].Y)}{Text(unit.Length == 0 ? "" : " " + unit)}</span>"));
        svg.Append(Invariant($"</figcaption><svg viewBox=\"0 0 {Width} {Height}\" role=\"img\" aria-label=\"{Text(title)}\">"));
        for (double tick = low; tick <= high + step / 2; tick += step)
            svg.Append(Invariant($"<path class=\"g\" d=\"M{Left} {Y(tick):F1}H{Width - Right}\"/><text x=\"{Left - 6}\" y=\"{Y(tick) + 4:F1}\" text-anchor=\"end\">{Number(Math.Abs(tick) < step / 1e6 ? 0 : tick)}</text>"));
        foreach (double tick in StepTicks(first, last))
            svg.Append(Invariant($"<text x=\"{X(tick):F1}\" y=\"{Height - 8}\" text-anchor=\"middle\">{Number(tick)}</text>"));
        for (int i = 0; i < series.Count; i++)
        {
            List<(double X, double Y)> points = Thin(series[i].Points);
            if (points.Count == 1) svg.Append(Invariant($"<circle class=\"p{i}\" cx=\"{X(points[0].X):F1}\" cy=\"{Y(points[0].Y):F1}\" r=\"3\"/>"));
            else svg.Append(Invariant($"<polyline class=\"s{i}\" points=\"{string.Join(' ', points.Select(p => Invariant($"{X(p.X):F1},{Y(p.Y):F1}")))}\"/>"));
        }
        return svg.Append("</svg></figure>").ToString();
    }

    /// <summary>Means of equal parts of the steps; the last point stays.</summary>
    internal static List<(double X, double Y)> Thin(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count <= MostPoints) return [.. points];
        var thin = new List<(double, double)>(MostPoints + 1);
        for (int i = 0; i < MostPoints; i++)
        {
            int from = (int)((long)(points.Count - 1) * i / MostPoints), to = (int)((long)(points.Count - 1) * (i + 1) / MostPoints);
            var part = points.Skip(from).Take(to - from).ToList();
            thin.Add((part.Average(p => p.X), part.Average(p => p.Y)));
        }
        thin.Add(points[^1]);
        return thin;
    }

    /// <summary>Round bounds around a range, and the distance of its lines: 1, 2 or 5 times a power of ten.</summary>
    internal static (double Low, double High, double Step) Scale(double low, double high, int lines)
    {
        double range = high - low;
        // What hardly changes is no mountain range.
        if (range < Math.Abs(high) * 1e-6 || range == 0)
        {
            double around = high == 0 ? 1 : Math.Abs(high) / 2;
            (low, high, range) = (low - around, high + around, 2 * around);
        }
        double raw = range / lines, power = Math.Pow(10, Math.Floor(Math.Log10(raw))), part = raw / power;
        double step = power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
        return (Math.Floor(low / step + 1e-9) * step, Math.Ceiling(high / step - 1e-9) * step, step);
    }

    /// <summary>"0.00025", "1.2k", "3M": what fits beside an axis.</summary>
    internal static string Number(double value)
    {
        double size = Math.Abs(value);
        return size switch
        {
            0 => "0",
            >= 1e9 => Invariant($"{value / 1e9:G4}G"),
            >= 1e6 => Invariant($"{value / 1e6:G4}M"),
            >= 1e4 => Invariant($"{value / 1e3:G4}k"),
            >= 1e-3 => value.ToString("G4", CultureInfo.InvariantCulture),
            _ => value.ToString("0.##e0", CultureInfo.InvariantCulture),
        };
    }

    private static IEnumerable<double> StepTicks(double first, double last)
    {
        if (last <= first) return [first];
        (double low, double high, double step) = Scale(first, last, 4);
        step = Math.Max(1, step);
        return Enumerable.Range(0, (int)((high - low) / step) + 1).Select(i => low + i * step).Where(tick => tick >= first && tick <= last);
    }

    private static string Text(string text) => WebUtility.HtmlEncode(text);

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}

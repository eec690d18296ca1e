using System.Globalization;

namespace PreTrain.Cli.Display;

/// <summary>A chart of a series in characters, for any terminal and any file.</summary>
internal static class BarChart
{
    private const int Columns = 72, Rows = 12, Label = 10;
    private const string Eighths = " ▁▂▃▄▅▆▇█";

    /// <summary>Draws not negative numbers as columns, each the largest of its part of the series.</summary>
    /// <param name="values">At least one number.</param>
    /// <returns>The lines, from the top, then the axis with the numbers of the first and the last value, from 1.</returns>
    public static IEnumerable<string> Draw(IReadOnlyList<double> values)
    {
        int columns = Math.Min(Columns, values.Count);
        double top = values.Max();
        double[] heights = [.. Enumerable.Range(0, columns).Select(c => Part(c).Max())];
        for (int row = Rows - 1; row >= 0; row--)
        {
            string label = row == Rows - 1 ? Number(top) : row == 0 ? "0" : "";
            yield return $"{label.PadLeft(Label)} │{string.Concat(heights.Select(height => Cell(height, row)))}".TrimEnd();
        }
        yield return $"{"".PadLeft(Label)} └{new string('─', columns)}";
        string last = values.Count.ToString(CultureInfo.InvariantCulture);
        yield return $"{"".PadLeft(Label + 2)}1{(columns > 1 ? last.PadLeft(columns - 1) : "")}";

        IEnumerable<double> Part(int column)
        {
            int from = (int)((long)values.Count * column / columns), to = (int)((long)values.Count * (column + 1) / columns);
            for (int i = from; i < to; i++) yield return values[i];
        }

        char Cell(double height, int row)
        {
            double eighths = top == 0 ? 0 : height / top * Rows * 8;
            return Eighths[(int)Math.Clamp(Math.Round(eighths) - row * 8, 0, 8)];
        }
    }

    private static string Number(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}

using System.Globalization;
using System.Text;
using PreTrain.Reports;

namespace PreTrain.Compression;

/// <summary>The stages of a recipe as one HTML page that needs nothing beside it.</summary>
internal static class CompressionPage
{
    internal const string FileName = "report.html";

    internal static string Write(string title, string objective, CompressionRecipe recipe, IReadOnlyList<CompressionStep> steps) => ReportPage.Frame(title, page =>
    {
        page.Append(CultureInfo.InvariantCulture, $"<h1>{ReportPage.Text(title)}</h1><p class=\"soft\">{steps.Count - 1} of {recipe.Stages.Count} stages are finished. Every model was measured by {ReportPage.Text(objective)} on the same held-out text and timed on this machine.</p>\n");
        page.Append("<div class=\"card\"><table><tr>");
        foreach (string column in CompressionTable.Columns) page.Append($"<th{(column == CompressionTable.Columns[0] ? "" : " class=\"n\"")}>{ReportPage.Text(column)}</th>");
        page.Append("</tr>");
        foreach (CompressionStep step in steps)
        {
            string[] cells = CompressionTable.Row(step);
            page.Append($"<tr><th>{ReportPage.Text(cells[0])}</th>");
            foreach (string cell in cells[1..]) page.Append($"<td class=\"n\">{ReportPage.Text(cell)}</td>");
            page.Append("</tr>");
        }
        page.Append("</table></div>\n");
        Bars(page, "Size of the weights", steps, step => step.Bytes, step => CompressionTable.Size(step.Bytes));
        Bars(page, "Loss on held-out text", steps, step => step.Loss, step => step.Loss.ToString("F4", CultureInfo.InvariantCulture));
        Bars(page, "Tokens a second", steps, step => step.TokensPerSecond, step => step.TokensPerSecond.ToString("N0", CultureInfo.InvariantCulture));
        page.Append("<h2>Recipe</h2><div class=\"card\"><table>");
        for (int i = 0; i < recipe.Stages.Count; i++)
        {
            foreach (var (name, value) in ConfigurationRows.Of(recipe.Stages[i].ToJson())) page.Append(CultureInfo.InvariantCulture, $"<tr><th>{i + 1}. {ReportPage.Text(name)}</th><td class=\"w\">{ReportPage.Text(value)}</td></tr>");
        }
        page.Append("</table></div>\n");
    });

    private static void Bars(StringBuilder page, string title, IReadOnlyList<CompressionStep> steps, Func<CompressionStep, double> value, Func<CompressionStep, string> text)
    {
        double[] finite = [.. steps.Select(value).Where(double.IsFinite)];
        double highest = finite.Length == 0 ? 0 : finite.Max();
        page.Append($"<h2>{ReportPage.Text(title)}</h2><div class=\"card\"><table>");
        foreach (CompressionStep step in steps)
        {
            double share = highest > 0 && double.IsFinite(value(step)) ? value(step) / highest : 0;
            page.Append(CultureInfo.InvariantCulture, $"<tr><th>{ReportPage.Text(step.Name)}</th><td class=\"n\">{ReportPage.Text(text(step))}</td><td><i class=\"bar\" style=\"width:{share * 24:F2}rem\"></i></td></tr>");
        }
        page.Append("</table></div>\n");
    }
}

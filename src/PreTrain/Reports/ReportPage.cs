using System.Globalization;
using System.Net;
using System.Text;

namespace PreTrain.Reports;

/// <summary>Writes a report as one HTML page that needs nothing beside it.</summary>
internal static class ReportPage
{
    private const int MostSamples = 12, MostEvents = 40, MostOperators = 25;

    private const string Style = """
        :root{color-scheme:light dark;--ink:#1c2330;--soft:#5b6576;--paper:#f6f7f9;--card:#fff;--line:#dfe3ea;--a:#2563eb;--b:#d97706;--good:#15803d;--bad:#b91c1c}
        @media (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#9aa4b5;--paper:#12161d;--card:#1a202a;--line:#2d3644;--a:#6ea8fe;--b:#fbbf24;--good:#4ade80;--bad:#f87171}}
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
        main{max-width:72rem;margin:0 auto;padding:1rem}
        h1{font-size:1.5rem;margin:.2rem 0;overflow-wrap:anywhere}h2{font-size:1.1rem;margin:1.8rem 0 .6rem}
        .soft{color:var(--soft);font-size:.9rem;margin:.2rem 0}
        .status{font-size:.85rem;padding:.1rem .6rem;border-radius:1rem;border:1px solid currentColor;vertical-align:middle;white-space:nowrap}
        .done{color:var(--good)}.failed{color:var(--bad)}.running{color:var(--a)}.interrupted{color:var(--b)}
        progress{width:100%;height:.6rem;accent-color:var(--a)}
        .figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));gap:.6rem;margin:1rem 0}
        .figures div,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:.5rem}
        .figures div{padding:.5rem .7rem}.figures dt{color:var(--soft);font-size:.8rem}.figures dd{margin:0;font-size:1.05rem;font-weight:600;overflow-wrap:anywhere}
        .charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,21rem),1fr));gap:.8rem}
        figure{margin:0;padding:.6rem}figcaption{font-size:.85rem;display:flex;flex-wrap:wrap;gap:.1rem .8rem}figcaption span{color:var(--soft)}
        figcaption i{display:inline-block;width:.8rem;height:.2rem;margin-right:.3rem;vertical-align:middle}.k0{background:var(--a)}.k1{background:var(--b)}
        svg{display:block;width:100%;height:auto;overflow:visible}svg text{fill:var(--soft);font-size:12px}.g{stroke:var(--line);fill:none}
        polyline{fill:none;stroke-width:1.8;stroke-linejoin:round}.s0{stroke:var(--a)}.s1{stroke:var(--b)}.p0{fill:var(--a)}.p1{fill:var(--b)}
        .card{overflow-x:auto;padding:.3rem .7rem}
        table{border-collapse:collapse;width:100%;font-size:.9rem}td,th{padding:.35rem .5rem;text-align:left;vertical-align:top;border-top:1px solid var(--line)}
        tr:first-child>*{border-top:0}tr>th:first-child{width:1%;padding-right:1.5rem}th{color:var(--soft);font-weight:500;white-space:nowrap}
        .o{white-space:nowrap}.n{text-align:right;width:1%;font-variant-numeric:tabular-nums;white-space:nowrap}.w{white-space:pre-wrap;overflow-wrap:anywhere}
        .bar{display:inline-block;height:.55rem;background:var(--a);border-radius:.2rem;vertical-align:middle}
        """;

    /// <summary>A page with the style of all reports.</summary>
    /// <param name="title">Its title.</param>
    /// <param name="body">Writes what it shows.</param>
    internal static string Frame(string title, Action<StringBuilder> body)
    {
        var page = new StringBuilder();
        page.Append("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
        page.Append("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">");
        page.Append($"<title>{Text(title)}</title><style>{Style}</style></head><body><main>\n");
        body(page);
        return page.Append("</main></body></html>\n").ToString();
    }

    internal static string Write(ReportContent content) => Frame(content.Title, page => Write(page, content));

    private static void Write(StringBuilder page, ReportContent content)
    {
        page.Append(CultureInfo.InvariantCulture, $"<h1>{Text(content.Title)} <span class=\"status {content.Status}\">{content.Status}</span></h1>");
        page.Append(CultureInfo.InvariantCulture, $"<p class=\"soft\">Step {content.Step} of {content.Steps}, written {Text(content.Written)}</p>");
        page.Append(CultureInfo.InvariantCulture, $"<progress value=\"{content.Step}\" max=\"{content.Steps}\"></progress>\n");
        page.Append("<dl class=\"figures\">");
        foreach (var (name, value) in content.Figures) page.Append($"<div><dt>{Text(name)}</dt><dd>{Text(value)}</dd></div>");
        page.Append("</dl>\n");
        Charts(page, content.Series);
        Samples(page, content.Samples);
        Profile(page, content.Profile);
        Events(page, content.Events);
        if (content.Configuration is { } configuration)
        {
            page.Append("<h2>Configuration</h2><div class=\"card\"><table>");
            foreach (var (name, value) in ConfigurationRows.Of(configuration)) page.Append($"<tr><th>{Text(name)}</th><td class=\"w\">{Text(value)}</td></tr>");
            page.Append("</table></div>\n");
        }
    }

    private static void Charts(StringBuilder page, RunSeries series)
    {
        string charts = SvgChart.Draw("Loss", "", series.Of("loss", "training"), series.Of("validationLoss", "validation"))
            + SvgChart.Draw("Learning rate", "", series.Of("learningRate", "now"))
            + SvgChart.Draw("Gradient norm", "", series.Of("gradientNorm", "before clipping"))
            + SvgChart.Draw("Speed", "tokens/s", series.Of("tokensPerSecond", "predicted"))
            + SvgChart.Draw("Memory", "MB", series.Of("memoryBytes", "process", 1e-6))
            + SvgChart.Draw("Gradient noise scale", "tokens", series.Of("gradientNoiseScale", "estimate"));
        if (charts.Length > 0) page.Append($"<h2>Through the steps</h2><div class=\"charts\">{charts}</div>\n");
    }

    private static void Samples(StringBuilder page, IReadOnlyList<TextSample> samples)
    {
        if (samples.Count == 0) return;
        int count = Math.Min(samples.Count, MostSamples);
        page.Append("<h2>What the model wrote</h2><div class=\"card\"><table><tr><th class=\"n\">step</th><th>text</th></tr>");
        for (int i = 0; i < count; i++)
        {
            TextSample sample = samples[count == 1 ? 0 : (int)((long)i * (samples.Count - 1) / (count - 1))];
            page.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"n\">{sample.Step}</td><td class=\"w\">{Text(sample.Text.ReplaceLineEndings("⏎"))}</td></tr>");
        }
        page.Append("</table></div>\n");
    }

    private static void Profile(StringBuilder page, StepProfile? profile)
    {
        if (profile is null) return;
        page.Append(CultureInfo.InvariantCulture, $"<h2>Where the time of a step goes</h2><p class=\"soft\">Steps {profile.FirstStep} to {profile.FirstStep + profile.Steps - 1}: ");
        page.Append(CultureInfo.InvariantCulture, $"{profile.Seconds * 1000 / profile.Steps:F1} ms each, {profile.OutsideSeconds * 1000 / profile.Steps:F1} ms of them in no operator of torch.</p>");
        page.Append("<div class=\"card\"><table><tr><th>operator</th><th class=\"n\">calls</th><th class=\"n\">ms</th><th class=\"n\">own ms</th><th class=\"n\">own share</th><th></th></tr>");
        foreach (Torch.OperatorTime o in profile.Operators.Take(MostOperators))
        {
            double share = profile.Seconds > 0 ? o.SelfSeconds / profile.Seconds : 0;
            page.Append(CultureInfo.InvariantCulture, $"<tr><td class=\"o\">{Text(o.Name)}</td><td class=\"n\">{(double)o.Calls / profile.Steps:0.#}</td><td class=\"n\">{o.Seconds * 1000 / profile.Steps:F2}</td>");
            page.Append(CultureInfo.InvariantCulture, $"<td class=\"n\">{o.SelfSeconds * 1000 / profile.Steps:F2}</td><td class=\"n\">{share:P1}</td><td><i class=\"bar\" style=\"width:{Math.Clamp(share, 0, 1) * 6:F2}rem\"></i></td></tr>");
        }
        page.Append("</table></div>\n");
    }

    private static void Events(StringBuilder page, IReadOnlyList<RunJournal.Entry> events)
    {
        if (events.Count == 0) return;
        page.Append("<h2>Events</h2>");
        if (events.Count > MostEvents) page.Append(CultureInfo.InvariantCulture, $"<p class=\"soft\">The last {MostEvents} of {events.Count}; all are in {RunJournal.FileName}.</p>");
        page.Append("<div class=\"card\"><table><tr><th>time</th><th class=\"n\">step</th><th>what</th><th></th></tr>");
        foreach (RunJournal.Entry e in events.Skip(events.Count - MostEvents))
            page.Append(CultureInfo.InvariantCulture, $"<tr><th>{Text(e.Time)}</th><td class=\"n\">{e.Step}</td><td>{Text(e.Kind)}</td><td class=\"w\">{Text(e.Text)}</td></tr>");
        page.Append("</table></div>\n");
    }

    /// <summary>Text as HTML holds it; what no page may hold, such as the character 0, is replaced.</summary>
    internal static string Text(string text) =>
        WebUtility.HtmlEncode(string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c)));
}

using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using PreTrain.Models.Gpt;
using PreTrain.Reports;
using PreTrain.Tests.Checkpoints;
using PreTrain.Tests.Generation;
using PreTrain.Tests.Training;
using PreTrain.Training;

namespace PreTrain.Tests.Reports;

[Collection(DefaultGenerator.Name)]   // dropout draws from the default generator, which must not be shared
public sealed class HtmlReportTests
{
    private const string Hostile = "</td><script>alert(\"1\")</script><img src=x onerror='alert(2)'>&amp;\0";

    [Fact]
    public void OnEnd_ARun_ShowsItsNumbersWithoutAnythingFromOutside()
    {
        using var folder = new TemporaryFolder();
        TrainingResult result = Train(folder["run"], Tiny.Options(folder["run"]), new() { Configuration = new() { ["model"] = new JsonObject { ["layers"] = 2 } } });

        string page = Page(folder["run"]);
        Assert.Contains("<span class=\"status done\">done</span>", page);
        Assert.Contains("Step 12 of 12", page);
        Assert.Equal(["Loss", "Learning rate", "Gradient norm", "Speed", "Memory"], Regex.Matches(page, "aria-label=\"([^\"]*)\"").Select(m => m.Groups[1].Value));
        Assert.Contains(result.ValidationLoss!.Value.ToString("F4", System.Globalization.CultureInfo.InvariantCulture), page);
        Assert.Contains("<th>model.layers</th><td class=\"w\">2</td>", page);
        Assert.Contains("checkpoints/step-000010", page);
        Assert.DoesNotMatch("<script|<link|<img|https?:|url\\(|@import", page);
        Assert.Empty(Directory.GetFiles(folder["run"], ".*partial"));
    }

    [Fact]
    public void Report_HostileText_IsShownAndNotRun()
    {
        using var folder = new TemporaryFolder();
        string output = folder["<b>run"];
        var report = new HtmlReport(new() { Title = Hostile, Configuration = new() { [Hostile] = Hostile } });
        Assert.Throws<InvalidDataException>(() => Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(output) with
        {
            Callbacks = [report, new Tiny.AfterStep((_, step) => { if (step.Step == 5) throw new InvalidDataException(Hostile); })],
        }));
        new RunJournal(output).Add(4, RunJournal.Sample, Hostile);
        report.Fail(new InvalidDataException(Hostile));

        string page = Page(output);
        Assert.DoesNotMatch("<script|<img|<td></td><", page);
        Assert.DoesNotContain('\0', page);
        // Title, heading, name and value of an option, sample, fault.
        Assert.Equal(6, page.Split(WebUtility.HtmlEncode(Hostile[..^1]) + "\uFFFD").Length - 1);
        Assert.Contains("<span class=\"status failed\">failed</span>", page);
    }

    [Fact]
    public void Report_ResumedRun_ShowsTheWholeRun()
    {
        using var folder = new TemporaryFolder();
        TrainingOptions options = Tiny.Options(folder["run"]);
        Assert.Throws<InvalidDataException>(() => Train(folder["run"], options, new(), failAt: 8));
        Assert.Contains("running", Page(folder["run"]));
        Train(folder["run"], options with { Resume = true }, new());

        string page = Page(folder["run"]);
        string[] kinds = [.. Regex.Matches(page, "</th><td class=\"n\">(\\d+)</td><td>(\\w+)</td>").Select(m => $"{m.Groups[1].Value} {m.Groups[2].Value}")];
        Assert.Equal(["0 start", "5 checkpoint", "5 resume", "10 checkpoint", "12 checkpoint", "12 done"], kinds);
        string loss = page[page.IndexOf("aria-label=\"Loss\"", StringComparison.Ordinal)..];
        Assert.Equal(12, Regex.Match(loss, "class=\"s0\" points=\"([^\"]*)\"").Groups[1].Value.Split(' ').Length);
    }

    [Fact]
    public void Report_Samples_AreThoseOfTheEvaluationsInTheirOrder()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = new ByteTokenizer();
        GptConfig config = Tiny.Odd with { VocabSize = tokenizer.VocabSize };
        var samples = new TextSamples(tokenizer, "ab", newTokens: 3);
        var seen = new List<TextSample?>();
        new Trainer(Tiny.Options(folder["run"]) with { Callbacks = [samples, new HtmlReport(new() { Samples = samples }), new Tiny.AfterStep((_, _) => seen.Add(samples.Latest))] })
            .Run(Tiny.Model(config), new RowsObjective(), TestContext.Current.CancellationToken);

        Assert.Equal([0, 0, 0, 4, 4, 4, 4, 8, 8, 8, 8, 12], seen.Select(sample => sample!.Step));
        Assert.All(seen, sample => Assert.StartsWith("ab", sample!.Text));
        string table = Page(folder["run"]).Split("What the model wrote")[1].Split("</table>")[0];
        Assert.Equal(["0", "4", "8", "12"], Regex.Matches(table, "<td class=\"n\">(\\d+)</td><td class=\"w\">ab").Select(m => m.Groups[1].Value));
    }

    [Fact]
    public void Run_WithAndWithoutReports_IsTheSame()
    {
        using var folder = new TemporaryFolder();
        var tokenizer = new ByteTokenizer();
        GptConfig config = Tiny.Odd with { VocabSize = tokenizer.VocabSize, Dropout = 0.1 };
        var samples = new TextSamples(tokenizer, "ab", newTokens: 3);
        var meter = new EfficiencyMeter(new() { Cost = new() { LayerCount = 2, AttentionDim = 21, ContextLength = 11 } });
        using TensorBoardCallback board = new(null, samples, meter);
        new Trainer(Tiny.Options(folder["plain"])).Run(Tiny.Model(config), new RowsObjective(), TestContext.Current.CancellationToken);
        new Trainer(Tiny.Options(folder["told"]) with { Callbacks = [meter, samples, board, new HtmlReport(new() { Samples = samples, Efficiency = meter })] })
            .Run(Tiny.Model(config), new RowsObjective(), TestContext.Current.CancellationToken);

        Assert.Equal(File.ReadAllBytes(folder["plain/metrics.jsonl"]), File.ReadAllBytes(folder["told/metrics.jsonl"]));
        Assert.Equal(File.ReadAllBytes(folder["plain/model/model.safetensors"]), File.ReadAllBytes(folder["told/model/model.safetensors"]));
    }

    [Fact]
    public void Read_JournalWithATornLine_LosesThatLineOnly()
    {
        using var folder = new TemporaryFolder();
        var journal = new RunJournal(folder.Root);
        journal.Add(3, "checkpoint", "a");
        File.AppendAllText(folder[RunJournal.FileName], "{\"time\":\"2");
        journal.Add(5, "resume", "b\n\"c\"");

        Assert.Equal([(3, "checkpoint", "a"), (5, "resume", "b\n\"c\"")], journal.Read().Select(e => (e.Step, e.Kind, e.Text)));
    }

    [Fact]
    public void Overwrite_AFormerRun_TakesItsReportsAway()
    {
        using var folder = new TemporaryFolder();
        using (var board = new TensorBoardCallback()) Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["run"], 3) with { Callbacks = [board, new HtmlReport()] });
        Assert.Equal(3, Directory.GetFiles(folder["run"]).Count(IsReport));

        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), Tiny.Options(folder["run"], 3) with { Overwrite = true });

        Assert.Equal(0, Directory.GetFiles(folder["run"]).Count(IsReport));

        static bool IsReport(string path) => Path.GetFileName(path) is "report.html" or "journal.jsonl" || path.Contains("tfevents");
    }

    private static TrainingResult Train(string output, TrainingOptions options, HtmlReportOptions report, int failAt = 0) =>
        Tiny.Train(Tiny.Model(Tiny.Odd), new RowsObjective(), options with
        {
            Output = output,
            Callbacks = [new HtmlReport(report), new Tiny.AfterStep((_, step) => { if (step.Step == failAt) throw new InvalidDataException(); })],
        });

    private static string Page(string run) => File.ReadAllText(Path.Combine(run, HtmlReport.FileName));
}

using System.Text.RegularExpressions;

namespace PreTrain.Cli.Tests.Commands;

public class ReportChoiceTests
{
    [Theory]
    [InlineData("all", true, true)]
    [InlineData("html", true, false)]
    [InlineData("tensorboard", false, true)]
    [InlineData("none", false, false)]
    public void Report_AnyKind_WritesThatOnly(string kind, bool page, bool events)
    {
        using var folder = new TemporaryFolder();

        TinyRun.Complete(TinyRun.Data(folder), folder["run"], "--report", kind);

        Assert.Equal((page, events), (File.Exists(folder["run/report.html"]), Directory.GetFiles(folder["run"], "*tfevents*").Length == 1));
        Assert.True(File.Exists(folder["run/run.json"]));
    }

    [Theory]
    [InlineData("gpt", "The fox", "The fox")]
    [InlineData("bert", "The [MASK] is a [MASK].", "The «")]
    [InlineData("electra", "The [MASK] is", "The «")]
    [InlineData("t5", "The fox is", "The fox is → ")]
    public void Sample_AnyFamily_IsWhatItMakesOfTheText(string family, string sample, string start)
    {
        using var folder = new TemporaryFolder();
        ToolResult result = ToolRunner.Run([family, .. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--heads", "2", "--embedding", "32", "--context", "37", "--sample", sample)[1..]]);
        Assert.True(result.ExitCode == 0, result.Error);

        string table = File.ReadAllText(folder["run/report.html"]).Split("What the model wrote")[1].Split("</table>")[0];

        string[] texts = [.. Regex.Matches(table, "<td class=\"w\">([^<]*)</td>").Select(m => System.Net.WebUtility.HtmlDecode(m.Groups[1].Value))];
        Assert.Equal(3, texts.Length);   // at the start, and at two evaluations
        Assert.All(texts, text => Assert.StartsWith(start, text));
        Assert.All(texts, text => Assert.DoesNotContain("[MASK]", text));
    }

    [Theory]
    [InlineData("gpt")]
    [InlineData("roberta")]
    [InlineData("t5")]
    public void Sample_NotGiven_IsFromTheHeldOutText(string family)
    {
        using var folder = new TemporaryFolder();
        ToolResult result = ToolRunner.Run([family, .. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--heads", "2", "--embedding", "32", "--context", "37")[1..]]);
        Assert.True(result.ExitCode == 0, result.Error);

        Assert.DoesNotContain("No sample", result.Error);
        Assert.Equal(3, File.ReadAllLines(folder["run/journal.jsonl"]).Count(line => line.Contains("\"kind\":\"sample\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Sample_WithoutAMask_IsAWarningAndNoFault()
    {
        using var folder = new TemporaryFolder();
        ToolResult result = ToolRunner.Run(["bert", .. TinyRun.Arguments(TinyRun.Data(folder), folder["run"], "--heads", "2", "--embedding", "32", "--context", "37", "--sample", "The fox")[1..]]);

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("warning: No sample of text at step 4: The text must hold the tokenizer's mask token, [MASK].", result.Error);
    }

    [Fact]
    public void Result_WithPeakAndWatts_ReckonsWithThem()
    {
        using var folder = new TemporaryFolder();

        ToolResult result = TinyRun.Complete(TinyRun.Data(folder), folder["run"], "--peak-tflops", "0.5", "--watts", "40", "--json");

        var json = result.Json();
        Assert.Equal(5e11, json.GetProperty("peakFlopsPerSecond").GetDouble());
        Assert.Equal(json.GetProperty("flopsPerSecond").GetDouble() / 5e11, json.GetProperty("utilization").GetDouble(), 1e-12);
        Assert.Equal(40 * json.GetProperty("seconds").GetDouble(), json.GetProperty("energyJoules").GetDouble(), 1e-6);
        Assert.Contains("(if it takes 40 W)", result.Error);
    }

    [Fact]
    public void Fault_OfTheRun_IsOnThePage()
    {
        using var folder = new TemporaryFolder();
        ToolResult result = TinyRun.Run(TinyRun.Data(folder), folder["run"], "--learning-rate", "1e30", "--warmup-steps", "0", "--clip-norm", "0", "--steps", "60");
        Assert.Equal(4, result.ExitCode);

        string page = File.ReadAllText(folder["run/report.html"]);

        Assert.Contains("<span class=\"status failed\">failed</span>", page);
        Assert.Matches("<td>fault</td><td class=\"w\">The (loss|gradient norm) of step", page);
    }
}

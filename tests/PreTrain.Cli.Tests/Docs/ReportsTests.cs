using System.Text.Json;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/reports.md says.</summary>
public class ReportsTests
{
    private const string Page = "docs/reports.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_WriteWhatItsTableNames()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(900));

        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"), ("--embedding", "20"));

        Assert.Equal(3, runs.Count);
        Assert.Equal(20, runs[^1].Result.Json().GetProperty("model").GetProperty("embedding").GetInt32());
        string[] named = [.. File.ReadAllLines(Path.Combine(Repository.Root, Page)).Where(line => line.StartsWith("| `", StringComparison.Ordinal)).SelectMany(line => line.Split('|')[1].Split(", ")).Select(name => name.Trim(' ', '`'))];
        Assert.Equal(8, named.Length);
        Assert.All(named, name => Assert.NotEmpty(Directory.GetFiles(folder["runs/sdk"], name)));
    }

    [Fact]
    public void File_OfThePage_IsOneThatTheToolTakes()
    {
        using var folder = new TemporaryFolder();
        string config = folder.Write("run.json", Assert.Single(Repository.CodeBlocks(Page, "json")));

        JsonElement printed = ToolRunner.Run("gpt", "--config", config, "--print-config").Json();

        Assert.Equal(("lion", 2e-4, 128, 4), (printed.GetProperty("optimizer").GetProperty("optimizer").GetString(), printed.GetProperty("optimizer").GetProperty("learning-rate").GetDouble(),
            printed.GetProperty("model").GetProperty("context").GetInt32(), printed.GetProperty("model").GetProperty("layers").GetInt32()));
    }

    [Fact]
    public void Callbacks_OfThePage_AreTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/ReportsTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");

        Assert.Equal(Assert.Single(Repository.CodeBlocks(Page, "csharp")), string.Concat(code[begin..end].Select(line => line[8..] + "\n")));
        Assert.Equal(5, Options(ByteLevelBpeTokenizer.Train([TinyModel.Text(9)], new() { VocabSize = 261 }, cancellation: TestContext.Current.CancellationToken)).Callbacks.Count);
    }

    private static TrainingOptions Options(TextTokenizer tokenizer)
    {
        // begin
        var efficiency = new EfficiencyMeter(new() { Cost = new() { LayerCount = 4, AttentionDim = 128, ContextLength = 256 } });
        var samples = new TextSamples(tokenizer, "Returns the");
        var profiler = new StepProfiler(10);
        var options = new TrainingOptions
        {
            Output = "runs/docs",
            Callbacks =
            [
                efficiency, samples, profiler, new TensorBoardCallback(null, samples, efficiency),
                new HtmlReport(new() { Efficiency = efficiency, Samples = samples, Profiler = profiler }),
            ],
        };
        // end
        return options;
    }
}

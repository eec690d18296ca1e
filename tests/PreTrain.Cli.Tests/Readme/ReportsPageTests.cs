using System.CommandLine.Parsing;
using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Reports;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Readme;

/// <summary>What docs/reports.md says.</summary>
public class ReportsPageTests
{
    private const string Page = "docs/reports.md";

    [Fact]
    public void Commands_OfThePage_RunOneAfterAnother()
    {
        string[] commands = [.. Repository.CodeBlocks(Page, "sh").SelectMany(block => block.Split('\n', StringSplitOptions.RemoveEmptyEntries))];
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        // A smaller run than that of the page.
        string[] small = ["--data", "text.txt", "--layers", "1", "--heads", "2", "--embedding", "12", "--context", "16", "--vocab-size", "283", "--batch", "2", "--device", "cpu"];

        Assert.Equal(3, commands.Length);
        Repository.In(folder.Path, () =>
        {
            for (int i = 0; i < commands.Length; i++)
            {
                string[] arguments = [.. CommandLineParser.SplitCommandLine(i == 0 ? commands[0].Replace("--data sdk-docs ", "").Replace("500", "12") : commands[i]).Skip(1)];
                ToolResult result = ToolRunner.Run(i == 0 ? [.. arguments, .. small] : arguments);
                Assert.True(result.ExitCode == 0, $"{commands[i]}: {result.Error}");
            }
        });
        string[] named = [.. File.ReadAllLines(Path.Combine(Repository.Root, Page)).Where(line => line.StartsWith("| `", StringComparison.Ordinal)).SelectMany(line => line.Split('|')[1].Split(", ")).Select(name => name.Trim(' ', '`'))];
        Assert.Equal(8, named.Length);
        Assert.All(named, name => Assert.NotEmpty(Directory.GetFiles(folder["runs/sdk"], name)));
        Assert.Equal(192, JsonNode.Parse(File.ReadAllText(folder["runs/wider/run.json"]))!["model"]!["embedding"]!.GetValue<int>());
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
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Readme/ReportsPageTests.cs"));
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

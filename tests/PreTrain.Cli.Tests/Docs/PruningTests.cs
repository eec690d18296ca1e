using PreTrain.Data;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Pruning;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/pruning.md says.</summary>
public class PruningTests
{
    private const string Page = "docs/pruning.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"));
        Assert.Equal(6, runs.Count);
        Assert.Equal(0.5, runs[3].Result.Json().GetProperty("sparsity").GetDouble());
    }

    [Fact]
    public void Code_OfThePage_KeepsTheZeros()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["runs/sdk/model"]);
        using TokenStore tokens = TokenStore.Build([TinyModel.Text(300)], TextTokenizer.Load(folder["runs/sdk/model"]), folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);
        Repository.In(folder.Path, () => Assert.Equal(0.5, Recover(tokens).Sparsity, 0.001));
        using GptModel saved = GptModel.FromPretrained(folder["runs/recovered/model"]);
        Assert.Equal(0.5, SparsityReport.Of(saved).Sparsity, 0.001);
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/PruningTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");
        string tested = string.Concat(code[begin..end].Select(line => line.Trim() + "\n"));
        Assert.Equal(Assert.Single(Repository.CodeBlocks(Page, "csharp")).Replace("Steps = 500,", "Steps = 3,", StringComparison.Ordinal), tested);
    }

    private static SparsityReport Recover(TokenStore tokens)
    {
        // begin
        using var model = GptModel.FromPretrained("runs/sdk/model");
        SparsityReport report = Pruner.Prune(model, new PruningOptions { Sparsity = 0.5, Scope = PruningScope.Model });
        using var masks = new SparsityMasks(model);
        new Trainer(new TrainingOptions { Output = "runs/recovered", Steps = 3, Callbacks = [masks] }).Run(model, new CausalLanguageModeling(tokens));
        // end
        return report;
    }
}

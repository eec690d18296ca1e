using PreTrain.Export;
using PreTrain.Models;
using PreTrain.Tokenization;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/export.md says.</summary>
public class ExportTests
{
    private const string Page = "docs/export.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"));
        Assert.Equal(6, runs.Count);
        Assert.Contains("general.name = SDK documentation", runs[3].Result.Output);
        Assert.Contains("past_key_values.0.key", runs[5].Result.Output);
    }

    [Fact]
    public void Code_OfThePage_Exports()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["runs/sdk/model"]);
        Repository.In(folder.Path, () => Assert.Equal(("gpt2", "logits"), Export()));
        Assert.True(File.Exists(folder["runs/sdk.gguf"]));
        Assert.True(File.Exists(folder["runs/sdk.onnx"]));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/ExportTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");
        Assert.Equal(Assert.Single(Repository.CodeBlocks(Page, "csharp")), string.Concat(code[begin..end].Select(line => line.Trim() + "\n")));
    }

    private static (string, string) Export()
    {
        // begin
        using ITransformerModel model = AutoModel.FromPretrained("runs/sdk/model");
        GgufExportResult gguf = GgufExporter.Export(model, TextTokenizer.Load("runs/sdk/model"), "runs/sdk.gguf", new() { Precision = GgufPrecision.Q4KM });
        OnnxExportResult onnx = OnnxExporter.Export(model, "runs/sdk.onnx", new() { HasPast = true });
        // end
        return (gguf.TokenizerModel, onnx.Outputs[^1]);
    }
}

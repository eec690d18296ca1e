using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Modules.Quantized;
using PreTrain.Quantization;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/quantization.md says.</summary>
public class QuantizationTests
{
    private const string Page = "docs/quantization.md";

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"), ("--embedding", "64"));
        Assert.Equal(6, runs.Count);
        Assert.True(runs[3].Result.Json().GetProperty("bytesAfter").GetInt64() < runs[3].Result.Json().GetProperty("bytesBefore").GetInt64() / 4);
    }

    [Fact]
    public void Code_OfThePage_SavesTheQuantizedModel()
    {
        using var folder = new TemporaryFolder();
        using (var model = new GptModel(new() { VocabSize = 37, ContextLength = 11, LayerCount = 2, HeadCount = 4, EmbeddingDim = 64 })) model.SavePretrained(folder["runs/sdk/model"]);
        Repository.In(folder.Path, () => Assert.True(Quantize().BytesAfter > 0));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/QuantizationTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");
        Assert.Equal(Assert.Single(Repository.CodeBlocks(Page, "csharp")), string.Concat(code[begin..end].Select(line => line.Trim() + "\n")));
    }

    private static QuantizationResult Quantize()
    {
        // begin
        using var model = GptModel.FromPretrained("runs/sdk/model");
        QuantizationResult result = Quantizer.Quantize(model, new QuantizationOptions { Scheme = QuantizationScheme.Int4Weights, GroupSize = 32 });
        model.SavePretrained("runs/small");
        using ITransformerModel loaded = AutoModel.FromPretrained("runs/small");
        // end
        Assert.Equal(QuantizationScheme.Int4Weights, ((loaded as TorchSharp.torch.nn.Module)!.modules().OfType<QuantizedProjection>().First()).Scheme);
        return result;
    }
}

using PreTrain.Compression;
using PreTrain.Data;
using PreTrain.Distillation;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/compression.md says.</summary>
public class CompressionTests
{
    private const string Page = "docs/compression.md";

    private static string Recipe => Assert.Single(Repository.CodeBlocks(Page, "json")).Replace("\"steps\": 500", "\"steps\": 2").Replace("\"stages\"", "\"samples\": 16, \"stages\"");

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        folder.Write("text.txt", TinyModel.Text(300));
        folder.Write("recipe.json", Recipe);
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data", "text.txt"), ("--vocab-size", "283"));
        Assert.Equal(8, runs.Count);
        Assert.Equal(5, runs[^1].Result.Json().GetProperty("stages").GetArrayLength());
        Assert.True(File.Exists(folder["runs/scores/teacher-2/logits.bin"]));
    }

    [Fact]
    public void Code_OfThePage_TrainsAndCompresses()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["runs/sdk/model"]);
        folder.Write("recipe.json", Recipe.Replace("\"heads\": 0.5", "\"heads\": 0.34"));
        TextTokenizer tokenizer = TextTokenizer.Load(folder["runs/sdk/model"]);
        using TokenStore tokens = TokenStore.Build([TinyModel.Text(300)], tokenizer, folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);
        Repository.In(folder.Path, () => Assert.Equal(5, Compress(tokens, tokenizer).Steps.Count));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/CompressionTests.cs"));
        int begin = Array.FindIndex(code, line => line.Trim() == "// begin") + 1, end = Array.FindIndex(code, line => line.Trim() == "// end");
        Assert.Equal(Assert.Single(Repository.CodeBlocks(Page, "csharp")).Replace("Steps = 500", "Steps = 2"), string.Concat(code[begin..end].Select(line => line.Trim() + "\n")));
    }

    private static CompressionResult Compress(TokenStore tokens, TextTokenizer tokenizer)
    {
        // begin
        using var teacher = GptModel.FromPretrained("runs/sdk/model");
        StudentInitializer.Save(teacher, "runs/student", LayerSelection.Spread(1));
        using var student = GptModel.FromPretrained("runs/student");
        var inner = new CausalLanguageModeling(tokens);
        using LogitCache cache = LogitCache.Open("runs/logits", teacher, inner.Describe(), new LogitCacheOptions { TopK = 64 });
        var objective = new Distillation<ICausalLanguageModel>([new Teacher(teacher) { Cache = cache }], inner, new DistillationOptions { Alpha = 0.5 });
        new Trainer(new TrainingOptions { Output = "runs/taught", Steps = 2 }).Run(student, objective);
        CompressionResult result = Compressor.Run("runs/taught/model", CompressionRecipe.Load("recipe.json"), tokens, tokenizer, new CompressionOptions { Output = "runs/smaller" });
        // end
        return result;
    }
}

using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Gpt;

namespace PreTrain.Cli.Tests.Commands;

public class CompressCommandTests
{
    private const string Recipe = """
        { "samples": 16, "stages": [
          { "stage": "prune", "neurons": 0.5 },
          { "stage": "prune", "method": "magnitude", "sparsity": 0.5 },
          { "stage": "distill", "steps": 3, "batch": 4 },
          { "stage": "quantize" } ] }
        """;

    private static string[] Options(TemporaryFolder folder, string recipe = Recipe, string model = "model") =>
        ["compress", "--model", folder[model], "--recipe", folder.Write("r.json", recipe), "--data", folder.Write("text.txt", TinyModel.Text(300)), "--output", folder["out"], "--rounds", "1", "--device", "cpu"];

    [Fact]
    public void Compress_Recipe_ComparesTheStagesAndGoesOnWhereItEnded()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string[] options = Options(folder);

        JsonElement json = ToolRunner.Run([.. options, "--json"]).Json();
        ToolResult again = ToolRunner.Run(options);

        Assert.Equal(["output", "report", "objective", "stages"], json.EnumerateObject().Select(member => member.Name));
        JsonElement[] stages = [.. json.GetProperty("stages").EnumerateArray()];
        Assert.Equal(["original", "prune", "prune", "distill", "quantize"], stages.Select(stage => stage.GetProperty("stage").GetString()));
        Assert.Equal(["stage", "folder", "loss", "perplexity", "accuracy", "parameters", "sparsity", "bytes", "latencyMilliseconds", "tokensPerSecond", "seconds"], stages[1].EnumerateObject().Select(member => member.Name));
        Assert.Equal(0.5, stages[3].GetProperty("sparsity").GetDouble(), 0.01);
        Assert.True(stages[4].GetProperty("bytes").GetInt64() < stages[3].GetProperty("bytes").GetInt64());
        using (GptModel small = GptModel.FromPretrained(folder["out/1-prune"])) Assert.Equal(30, small.Config.InnerDim);
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["out/4-quantize"], "--prompt", "The", "--max-new-tokens", "3").ExitCode);
        Assert.Equal(0, ToolRunner.Run("evaluate", "perplexity", "--model", folder["out/3-distill"], "--data", folder["text.txt"]).ExitCode);

        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Contains("Stage 4, quantize, is finished already.", again.Error);
        Assert.Contains("The models are trained and measured by causal-lm.", again.Error);
        Assert.Contains("measured by causal-lm", again.Output);
        Assert.Contains("perplexity", again.Output);
        Assert.Contains(stages[4].GetProperty("loss").GetDouble().ToString("F4", System.Globalization.CultureInfo.InvariantCulture), again.Output);
        Assert.EndsWith(Path.Combine("out", "report.html") + "\n", again.Output);
        Assert.Contains("<table>", File.ReadAllText(folder["out/report.html"]));
    }

    [Fact]
    public void Compress_WrongUsage_EndsWith2BeforeAnyWork()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        Said("must be prune, distill or quantize", """{"stages":[{"stage":"shrink"}]}""");
        Said("sparsty is not known", """{"stages":[{"stage":"prune","sparsty":0.5}]}""");
        Said("comes after quantize", """{"stages":[{"stage":"quantize"},{"stage":"prune","sparsity":0.5}]}""");
        Said("must be divisible by the group of Pattern (2:4)", """{"stages":[{"stage":"prune","pattern":"2:4"}]}""");
        Said("is no JSON from line 1, byte 2 on", "{", code: 3);
        Said("is empty. It takes an object with a list of stages.", "", code: 3);
        TinyModel.SaveBert(folder["classifier"], ModelHead.SequenceClassification);
        Said("A bert model with the head SequenceClassification predicts no tokens", Recipe, "classifier");

        void Said(string message, string recipe, string model = "model", int code = 2)
        {
            ToolResult result = ToolRunner.Run(Options(folder, recipe, model));
            Assert.Equal((code, ""), (result.ExitCode, result.Output));
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.False(Directory.Exists(folder["out"]));
        }
    }

    [Fact]
    public void Compress_RefusedOverwrite_LeavesTokensAndStages()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        const string Recipe = """{ "samples": 16, "stages": [{ "stage": "prune", "sparsity": 0.5 }] }""";
        string[] options = Options(folder, Recipe);
        Assert.Equal(0, ToolRunner.Run(options).ExitCode);
        string before = File.ReadAllText(folder["out/tokens/corpus.json"]);

        string shortText = folder.Write("short.txt", "The.");
        ToolResult tooShort = ToolRunner.Run(["compress", "--model", folder["model"], "--recipe", folder["r.json"], "--data", shortText, "--output", folder["out"], "--overwrite", "--device", "cpu"]);
        ToolResult within = ToolRunner.Run([.. Options(folder, Recipe, "out/1-prune"), "--overwrite"]);
        ToolResult again = ToolRunner.Run(options);

        Assert.NotEqual(0, tooShort.ExitCode);
        Assert.Equal(2, within.ExitCode);
        Assert.Contains("and Overwrite would delete it", within.Error);
        Assert.Equal(before, File.ReadAllText(folder["out/tokens/corpus.json"]));
        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Contains("Stage 1, prune, is finished already.", again.Error);
    }

    [Fact]
    public void Compress_CorrectedRecipe_KeepsTheStagesBefore()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        Assert.Equal(0, ToolRunner.Run(Options(folder, """{ "samples": 16, "stages": [{ "stage": "prune", "sparsity": 0.5 }, { "stage": "prune", "sparsity": 0.6 }] }""")).ExitCode);

        ToolResult corrected = ToolRunner.Run([.. Options(folder, """{ "samples": 16, "stages": [{ "stage": "prune", "sparsity": 0.5 }, { "stage": "prune", "sparsity": 0.7 }] }"""), "--overwrite"]);

        Assert.True(corrected.ExitCode == 0, corrected.Error);
        Assert.Contains("Stage 1, prune, is finished already.", corrected.Error);
        Assert.Contains("Stage 2 of 2: prune.", corrected.Error);
    }

    [Fact]
    public void Compress_OtherThingsInTheFolder_AreLeftAlone()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string[] options = Options(folder);
        folder.Write("out/notes.txt", "mine");
        ToolResult refused = ToolRunner.Run(options);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("is not empty and holds no stages of a recipe", refused.Error);
        Assert.Equal("notes.txt", Path.GetFileName(Assert.Single(Directory.GetFileSystemEntries(folder["out"]))));

        ToolResult missing = ToolRunner.Run("compress", "--model", folder["model"], "--recipe", folder["nowhere.json"], "--output", folder["new"]);
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains("The recipe", missing.Error);
    }
}

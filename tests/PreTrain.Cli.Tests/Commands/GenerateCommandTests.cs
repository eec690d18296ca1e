using System.Text.Json;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class GenerateCommandTests
{
    [Fact]
    public void Generate_Json_IsOneObjectWithTheKeysOfTheContract()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        ToolResult result = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", "The \"é\" 中", "--max-new-tokens", "7", "--json");

        Assert.Equal(["prompt", "text", "tokens", "tokensPerSecond"], result.Keys());
        JsonElement json = result.Json();
        Assert.Equal("The \"é\" 中", json.GetProperty("prompt").GetString());
        int[] tokens = [.. json.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())];
        Assert.InRange(tokens.Length, 1, 7);
        Assert.Equal(ByteLevelBpeTokenizer.Load(folder.Path).Decode(tokens.AsSpan()), json.GetProperty("text").GetString());
        Assert.InRange(json.GetProperty("tokensPerSecond").GetDouble(), 0.01, 1e7);
    }

    [Fact]
    public void Generate_Seed_DecidesTheText()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string Text(params string[] more) => ToolRunner.Run(["generate", "--model", folder.Path, "--prompt", "The", "--max-new-tokens", "20", .. more]).Output;

        Assert.Equal(Text("--seed", "4"), Text("--seed", "4"));
        Assert.NotEqual(Text("--seed", "4"), Text("--seed", "5"));
        Assert.Equal(Text("--temperature", "0"), Text("--temperature", "0", "--seed", "5"));
        Assert.Equal(Text("--temperature", "0"), Text("--top-k", "1", "--seed", "5"));
        Assert.Equal(Text("--temperature", "0"), Text("--top-p", "0.000001", "--seed", "5"));
        Assert.StartsWith("The", Text());
    }

    [Fact]
    public void Generate_WithoutAPrompt_StartsANewText()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);

        JsonElement json = ToolRunner.Run("generate", "--model", folder.Path, "--max-new-tokens", "3", "--json").Json();

        Assert.Equal("", json.GetProperty("prompt").GetString());
        Assert.NotEqual(0, json.GetProperty("tokens").GetArrayLength());
    }

    [Theory]
    [InlineData("--max-new-tokens 0", "--max-new-tokens (0) must be a positive whole number")]
    [InlineData("--temperature -1", "--temperature (-1) must be 0 or a positive number.")]
    [InlineData("--top-k -1", "--top-k (-1) must be a whole number from 0")]
    [InlineData("--top-p 0", "--top-p (0) must be a number above 0 and at most 1.")]
    [InlineData("--top-p 1.5", "--top-p (1.5) must be a number above 0 and at most 1.")]
    public void Generate_WrongOption_NamesItAndEndsWith2(string options, string message)
    {
        ToolResult result = ToolRunner.Run(["generate", "--model", "m", "--prompt", "The", .. options.Split(' ')]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}", result.Error);
    }

    [Fact]
    public void Generate_FolderWithoutATokenizer_SaysSoAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        File.Delete(folder["tokenizer.json"]);

        ToolResult result = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", "The");

        Assert.Equal(
            (3, $"error: {folder.Path}: The folder holds neither tokenizer.json nor vocab.json with merges.txt, nor tokenizer.model, spiece.model, sentencepiece.bpe.model, tokenizer.tiktoken, vocab.txt.\n"),
            (result.ExitCode, result.Error));
    }

    [Fact]
    public void Generate_WeightsThatAreNotFinite_EndsWith4()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder.Path);
        using (var model = new GptModel(config))
        {
            using IDisposable mode = no_grad();
            foreach (var parameter in model.parameters()) parameter.fill_(float.NaN);
            model.SavePretrained(folder.Path);
        }

        ToolResult result = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", "The");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains("not finite", result.Error);
    }
}

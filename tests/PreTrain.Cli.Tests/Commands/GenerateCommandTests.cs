using System.Text.Json;
using PreTrain.Models;
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
    [InlineData("--min-new-tokens -1", "--min-new-tokens (-1) must be a whole number from 0")]
    [InlineData("--max-new-tokens 3 --min-new-tokens 4", "--min-new-tokens (4) must be at most --max-new-tokens (3).")]
    [InlineData("--beams 0", "--beams (0) must be a positive whole number")]
    [InlineData("--beams 3 --temperature 0.5", "--temperature and --beams (3) exclude each other: a search with beams draws nothing.")]
    [InlineData("--beams 3 --sequences 4", "--sequences (4) must be at most --beams (3).")]
    [InlineData("--length-penalty 2", "--length-penalty goes with --beams of at least 2.")]
    [InlineData("--early-stopping at-once", "--early-stopping goes with --beams of at least 2.")]
    [InlineData("--beams 2 --early-stopping soon", "--early-stopping (soon) must be unlikely, at-once or impossible.")]
    [InlineData("--beams 2 --length-penalty long", "--length-penalty (long) must be a number.")]
    [InlineData("--repetition-penalty 0", "--repetition-penalty (0) must be a positive number.")]
    [InlineData("--no-repeat-ngram -1", "--no-repeat-ngram (-1) must be a whole number from 0")]
    [InlineData("--sequences 2 --temperature 0", "--sequences (2) must be 1 where nothing is drawn, with --temperature 0 or --top-k 1: all texts would be the same.")]
    [InlineData("--stop ", "--stop must not be empty.")]
    [InlineData("--top-p 1.5", "--top-p (1.5) must be a number above 0 and at most 1.")]
    public void Generate_WrongOption_NamesItAndEndsWith2(string options, string message)
    {
        ToolResult result = ToolRunner.Run(["generate", "--model", "m", "--prompt", "The", .. options.Split(' ')]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}", result.Error);
    }

    [Fact]
    public void Generate_PromptBeyondTheContext_SaysHowMuchIsRead()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string prompt = new('z', TinyModel.ContextLength + 4);

        ToolResult result = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", prompt, "--max-new-tokens", "2");
        ToolResult fits = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", prompt[4..], "--max-new-tokens", "2");

        Assert.Equal((0, 0), (result.ExitCode, fits.ExitCode));
        Assert.Contains($"warning: the prompt has {TinyModel.ContextLength + 4} tokens, and the model reads {TinyModel.ContextLength}: the last ones.\n", result.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("warning", fits.Error, StringComparison.Ordinal);
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

    [Fact]
    public void Generate_SeveralPrompts_WritesWhatEachWritesAlone()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder.Path);
        string[] prompts = ["The", "Each value holds", "A"], more = ["--max-new-tokens", "9", "--temperature", "0", "--json"];
        (string, string, string) Text(JsonElement json) =>
            (json.GetProperty("prompt").GetString()!, json.GetProperty("text").GetString()!, json.GetProperty("tokens").GetRawText());

        ToolResult result = ToolRunner.Run(["generate", "--model", folder.Path, .. prompts.SelectMany(prompt => new[] { "--prompt", prompt }), .. more]);

        Assert.Equal(["results", "tokensPerSecond"], result.Keys());
        Assert.Equal(prompts.Select(prompt => Text(ToolRunner.Run(["generate", "--model", folder.Path, "--prompt", prompt, .. more]).Json())),
            result.Json().GetProperty("results").EnumerateArray().Select(Text));
    }

    [Fact]
    public void Generate_Beams_KeepsTheContractAndShowsScoresOfSeveral()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string[] arguments = ["generate", "--model", folder.Path, "--prompt", "The", "--max-new-tokens", "7", "--beams", "4", "--length-penalty", "0.5", "--early-stopping", "at-once"];

        ToolResult one = ToolRunner.Run([.. arguments, "--json"]), several = ToolRunner.Run([.. arguments, "--sequences", "3", "--json"]);

        Assert.Equal(["prompt", "text", "tokens", "tokensPerSecond"], one.Keys());
        JsonElement[] texts = [.. several.Json().GetProperty("results").EnumerateArray()];
        Assert.All(texts, text => Assert.Equal(["prompt", "text", "tokens", "score"], text.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(3, texts.Select(text => text.GetProperty("tokens").GetRawText()).Distinct().Count());
        double[] scores = [.. texts.Select(text => text.GetProperty("score").GetDouble())];
        Assert.Equal(scores.OrderDescending(), scores);
        Assert.Equal(one.Json().GetProperty("text").GetString(), texts[0].GetProperty("text").GetString());
        Assert.Equal("The" + texts[0].GetProperty("text").GetString() + "\n", ToolRunner.Run(arguments).Output);
    }

    [Fact]
    public void Generate_StopText_EndsTheTextBeforeIt()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        string[] arguments = ["generate", "--model", folder.Path, "--prompt", "The", "--max-new-tokens", "20", "--seed", "4"];
        string whole = ToolRunner.Run([.. arguments, "--json"]).Json().GetProperty("text").GetString()!, stop = whole[7..9];

        JsonElement json = ToolRunner.Run([.. arguments, "--json", "--stop", "no such text", stop]).Json();

        Assert.Equal(whole[..whole.IndexOf(stop, StringComparison.Ordinal)], json.GetProperty("text").GetString());
        Assert.True(json.GetProperty("tokens").GetArrayLength() < 20);
        Assert.Equal("The" + json.GetProperty("text").GetString() + "\n", ToolRunner.Run([.. arguments, "--stop", stop]).Output);
    }

    [Fact]
    public void Generate_RepeatedTokens_AreForbidden()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder.Path);
        int[] Tokens(params string[] more) => [.. ToolRunner.Run(["generate", "--model", folder.Path, "--prompt", "The", "--max-new-tokens", "40", "--temperature", "0", "--json", .. more])
            .Json().GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32())];

        int[] free = Tokens("--min-new-tokens", "40"), once = Tokens("--no-repeat-ngram", "1", "--min-new-tokens", "40"), rare = Tokens("--repetition-penalty", "9", "--min-new-tokens", "40");

        Assert.Equal(40, free.Length);
        Assert.True(free.Distinct().Count() < 40, "Nothing was repeated that could be forbidden.");
        Assert.Equal(40, once.Distinct().Count());
        Assert.True(rare.Distinct().Count() > free.Distinct().Count());
    }

    [Fact]
    public void Generate_ModelThatReadsOnly_SaysSoAndEndsWith2()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);

        ToolResult result = ToolRunner.Run("generate", "--model", folder.Path, "--prompt", "The");

        Assert.Equal((2, $"error: --model ({folder.Path}) holds a bert model, which predicts no next token; take a model that does, such as gpt2 or llama.\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public void Generate_FolderOfTheBareModel_UsesItsTiedHead()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder["bare"], ModelHead.None);
        TinyModel.SaveLlama(folder["whole"]);

        string Text(string name) => ToolRunner.Run("generate", "--model", folder[name], "--prompt", "The", "--max-new-tokens", "7", "--temperature", "0").Output;

        Assert.Equal(Text("whole"), Text("bare"));
        Assert.StartsWith("The", Text("bare"));
    }
}

using PreTrain.Models;

namespace PreTrain.Cli.Tests.Commands;

public sealed class PretrainTokensTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public PretrainTokensTests()
    {
        string text = _folder.Write("text.txt", TinyModel.Text(300));
        Assert.Equal(0, ToolRunner.Run("tokenizer", "train", "--vocab-size", "283", "--data", text, "--output", _folder["tokenizer"], "--quiet").ExitCode);
        Prepare(text, "a");
        Prepare(_folder.Write("more.jsonl", string.Concat(Enumerable.Range(0, 40).Select(i => $"{{\"text\":\"Document {i} of many, which speaks of the number {i * i}.\"}}\n"))), "b");
    }

    public void Dispose() => _folder.Dispose();

    private void Prepare(string data, string name, string tokenizer = "tokenizer")
    {
        ToolResult result = ToolRunner.Run("data", "prepare", "--data", data, "--tokenizer", _folder[tokenizer], "--output", _folder[name], "--quiet");
        Assert.True(result.ExitCode == 0, result.Error);
    }

    private ToolResult Run(string family, params string[] more) => ToolRunner.Run([family, "--output", _folder["run"], "--layers", "1", "--heads", "2", "--embedding", "32", "--context", "23",
        "--checkpoint-every", "2", "--device", "cpu", .. more.Contains("--steps") ? Array.Empty<string>() : ["--steps", "4"], .. more]);

    private string[] Tokens(params string[] names) => ["--tokens", .. names.Select(name => _folder[name])];

    [Fact]
    public void Pretrain_TwoStores_MixesThemAndResumesWithTheSameAlone()
    {
        ToolResult result = Run("gpt", [.. Tokens("a", "b"), "--mix", "0.7,0.3", "--json"]);

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal(4, result.Json().GetProperty("steps").GetInt32());
        using (ITransformerModel model = AutoModel.FromPretrained(_folder["run/model"])) Assert.Equal("gpt2", model.ModelType);
        ToolResult resumed = Run("gpt", [.. Tokens("a", "b"), "--mix", "0.7,0.3", "--steps", "6", "--resume"]);
        Assert.True(resumed.ExitCode == 0, resumed.Error);
        Assert.Contains("steps              6", resumed.Output);
        foreach (string[] other in new string[][] { [.. Tokens("a", "b"), "--mix", "0.6,0.4"], Tokens("b"), [.. Tokens("a", "b"), "--mix", "0.7,0.3", "--batch", "5"],
            [.. Tokens("a"), "--objective", "prefix-lm"], [.. Tokens("b", "a"), "--mix", "0.7,0.3"] })
        {
            ToolResult refused = Run("gpt", [.. other, "--steps", "8", "--resume"]);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains("cannot be resumed with other settings", refused.Error);
        }
    }

    [Fact]
    public void PrintConfig_OfTwoStores_IsAConfigurationOfTheSameRun()
    {
        ToolResult printed = Run("gpt", [.. Tokens("a", "b"), "--mix", "0.7,0.3", "--curriculum", "2", "--print-config"]);
        Assert.True(printed.ExitCode == 0, printed.Error);

        ToolResult again = ToolRunner.Run("gpt", "--config", _folder.Write("run.json", printed.Output), "--print-config");

        Assert.True(again.ExitCode == 0, again.Error);
        Assert.Equal(printed.Output, again.Output);
        Assert.Contains("\"mix\": \"0.7,0.3\"", printed.Output);
    }

    [Fact]
    public void Pretrain_StoresThatDoNotFit_AreRefused()
    {
        Assert.Equal(0, ToolRunner.Run("tokenizer", "train", "--vocab-size", "270", "--data", _folder["text.txt"], "--output", _folder["other"], "--quiet").ExitCode);
        Prepare(_folder["text.txt"], "c", "other");
        ToolResult Refused(int code, params string[] arguments)
        {
            ToolResult result = Run("gpt", arguments);
            Assert.Equal(code, result.ExitCode);
            Assert.False(Directory.Exists(_folder["run"]));
            return result;
        }

        Assert.Contains($"error: The token store '{_folder["c"]}' was made by another tokenizer", Refused(3, Tokens("a", "c")).Error);
        Assert.Contains("error: --data is missing", Refused(2).Error);
        Assert.Contains("error: --pack none goes with one token store", Refused(2, [.. Tokens("a", "b"), "--pack", "none"]).Error);
        Assert.Contains("error: --tokenizer and --tokens exclude each other", Refused(2, [.. Tokens("a"), "--tokenizer", _folder["tokenizer"]]).Error);
        Assert.Contains("does not exist", Refused(3, Tokens("nowhere")).Error);

        byte[] bytes = File.ReadAllBytes(_folder["b/tokens.bin"]);
        bytes[17] ^= 1;
        File.WriteAllBytes(_folder["b/tokens.bin"], bytes);
        Assert.Contains($"error: The file '{_folder["b/tokens.bin"]}' is damaged: its SHA-256 is ", Refused(3, Tokens("a", "b")).Error);
        File.WriteAllBytes(_folder["b/tokens.bin"], bytes[..^2]);
        Assert.Contains($"error: The file '{_folder["b/tokens.bin"]}' is truncated", Refused(3, Tokens("b")).Error);
    }

    [Fact]
    public void Pretrain_UniLm_SavesABertThatResumes()
    {
        Assert.Equal(0, ToolRunner.Run("tokenizer", "train", "--algorithm", "wordpiece", "--vocab-size", "150", "--data", _folder["text.txt"], "--output", _folder["wordpiece"], "--quiet").ExitCode);
        Prepare(_folder["text.txt"], "w", "wordpiece");

        ToolResult result = Run("unilm", Tokens("w"));

        Assert.True(result.ExitCode == 0, result.Error);
        using (ITransformerModel model = AutoModel.FromPretrained(_folder["run/model"])) Assert.Equal("bert", model.ModelType);
        Assert.Contains("steps              6", Run("unilm", [.. Tokens("w"), "--steps", "6", "--resume"]).Output);
    }
}

using System.Text.Json;
using PreTrain.Models;

namespace PreTrain.Cli.Tests.Commands;

public class FinetuneEmbedCommandTests
{
    private static readonly string[] s_small = ["--steps", "3", "--batch", "4", "--device", "cpu", "--report", "none"];

    private static void Prepare(TemporaryFolder folder)
    {
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.SaveLlama(folder["llama"]);
        string[] lines = [.. TinyModel.Text(40).Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct()];
        folder.Write("pairs.csv", "anchor,positive,negative,score\n" + string.Concat(lines.Select((line, i) => $"{line},{lines[(i + 1) % lines.Length]},{lines[(i + 2) % lines.Length]},{(i % 5 / 4.0).ToString(System.Globalization.CultureInfo.InvariantCulture)}\n")));
        folder.Write("texts.txt", TinyModel.Text(40));
    }

    [Theory]
    [InlineData("bert", "contrastive", "--negative-field negative --symmetric --temperature 0.1", "cls")]
    [InlineData("llama", "contrastive", "", "last")]
    [InlineData("bert", "simcse", "", "mean")]
    [InlineData("bert", "cosine", "--score-field score", "max")]
    public void Embed_EachLoss_TunesAModelThatKeepsItsPooling(string model, string loss, string more, string pooling)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        string data = folder[loss == "simcse" ? "texts.txt" : "pairs.csv"];
        ToolResult tuned = ToolRunner.Run(["finetune", "embed", "--model", folder[model], "--data", data, "--output", folder["run"], "--loss", loss, "--pooling", pooling, "--context", "20", .. more.Split(' ', StringSplitOptions.RemoveEmptyEntries), .. s_small, "--json"]);
        Assert.Equal(3, tuned.Json().GetProperty("steps").GetInt32());
        Assert.Equal(loss == "cosine" ? JsonValueKind.Null : JsonValueKind.Number, tuned.Json().GetProperty("validationPerplexity").ValueKind);
        SentenceEncoderOptions options = SentenceEncoderOptions.FromFolder(folder["run/model"])!;
        Assert.Equal((20, pooling == "cls" ? "first" : pooling), (options.MaxLength, options.Pooling.ToString().ToLowerInvariant()));

        ToolResult found = ToolRunner.Run(["evaluate", "embed", "--model", folder["run"], "--data", folder["pairs.csv"], "--json"]);
        Assert.Equal(["queries", "candidates", "recallAt1", "recallAt5", "recallAt10", "meanReciprocalRank"], found.Keys());
        ToolResult compared = ToolRunner.Run(["evaluate", "embed", "--model", folder["run"], "--data", folder["pairs.csv"], "--task", "similarity", "--validation-fraction", "0.5", "--json"]);
        Assert.Equal(["pairs", "spearman", "pearson"], compared.Keys());

        // Embed takes the pooling and the length that the folder says.
        JsonElement vectors = ToolRunner.Run("embed", "--model", folder["run"], "--text", "The method returns two keys.", "--json").Json();
        Assert.Equal((pooling, true), (vectors.GetProperty("pooling").GetString(), vectors.GetProperty("normalized").GetBoolean()));
    }

    [Theory]
    [InlineData("lora", "merged")]
    [InlineData("prompt --adapter-size 4", "base")]
    public void Embed_Adapter_LeavesAnEncoderWithItsPooling(string adapter, string whole)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        ToolResult tuned = ToolRunner.Run(["finetune", "embed", "--model", folder["bert"], "--data", folder["pairs.csv"], "--output", folder["run"], "--pooling", "mean", "--context", "20", "--adapter", .. adapter.Split(' '), "--precision", "bf16", .. s_small, "--json"]);
        Assert.Equal(3, tuned.Json().GetProperty("steps").GetInt32());
        Assert.Equal(20, SentenceEncoderOptions.FromFolder(folder[$"run/{whole}"])!.MaxLength);
        Assert.Equal(20, SentenceEncoderOptions.FromFolder(folder["run/model"])!.MaxLength);
        Assert.Equal(0, ToolRunner.Run("evaluate", "embed", "--model", folder["run"], "--data", folder["pairs.csv"]).ExitCode);
        string Vector(string model) => ToolRunner.Run("embed", "--model", folder[model], "--text", "The method returns two keys.", "--pooling", "mean", "--json").Json().GetProperty("embeddings").GetRawText();
        Assert.NotEqual(Vector("bert"), Vector("run"));
        ToolResult resumed = ToolRunner.Run(["finetune", "embed", "--model", folder["bert"], "--data", folder["pairs.csv"], "--output", folder["run"], "--pooling", "cls", "--context", "20", "--adapter", .. adapter.Split(' '), "--precision", "bf16", .. s_small, "--resume"]);
        Assert.Equal(2, resumed.ExitCode);
        Assert.Contains("cannot be resumed with other settings", resumed.Error);
        // What is saved are the weights of 32 bits, and not those of 16 that are computed with.
        using var saved = PreTrain.Checkpoints.CheckpointTensors.Open(folder["run/model/adapter_model.safetensors"]);
        using TorchSharp.DisposeScope scope = TorchSharp.torch.NewDisposeScope();
        Assert.Contains(saved.Names, name => !saved.Read(name).Equals(saved.Read(name).to(TorchSharp.torch.ScalarType.BFloat16).to(TorchSharp.torch.ScalarType.Float32)));
    }

    [Fact]
    public void Embed_SimCseOfAModelWithoutDropout_IsRefusedUnlessItGetsSome()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        string config = File.ReadAllText(folder["bert/config.json"]);
        foreach (string key in new[] { "hidden_dropout_prob", "attention_probs_dropout_prob" }) config = config.Replace($"\"{key}\": 0.1", $"\"{key}\": 0.0");
        folder.Write("bert/config.json", config);
        ToolResult Tune(params string[] more) => ToolRunner.Run(["finetune", "embed", "--model", folder["bert"], "--data", folder["texts.txt"], "--output", folder["run"], "--loss", "simcse", .. s_small, .. more]);

        ToolResult refused = Tune();

        Assert.Equal(2, refused.ExitCode);
        Assert.Contains($"the bert model in '{folder["bert"]}' has none (0), so that there is nothing to learn; give --dropout, such as 0.1.", refused.Error);
        Assert.False(Directory.Exists(folder["run"]));
        Assert.Contains("--dropout (1) must be a number from 0 to below 1.", Tune("--dropout", "1").Error);
        ToolResult tuned = Tune("--dropout", "0.2");
        Assert.True(tuned.ExitCode == 0, tuned.Error);
        Assert.Contains("\"hidden_dropout_prob\": 0.2", File.ReadAllText(folder["run/model/config.json"]));
        Assert.Equal(0.2, JsonDocument.Parse(File.ReadAllText(folder["run/run.json"])).RootElement.GetProperty("model").GetProperty("dropout").GetDouble());
        Assert.Equal(0, Tune("--adapter", "lora", "--lora-dropout", "0.1", "--overwrite").ExitCode);
    }

    [Fact]
    public void Embed_WrongUsage_SaysWhat()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        Said(2, "--temperature and --symmetric do not go with --loss cosine", "--loss", "cosine", "--temperature", "1");
        Said(2, "--score-field does not go with contrastive", "--score-field", "score");
        Said(2, "--anchor-field does not go with simcse", "--loss", "simcse", "--anchor-field", "anchor");
        Said(2, "--context (99) must be at least 2 and at most the model's context (29)", "--context", "99");
        Said(3, "'other' is not among them", "--anchor-field", "other");
        Said(2, "--anchor-field, --positive-field and --score-field (anchor, positive, anchor) must be different.", "--loss", "cosine", "--score-field", "anchor");
        folder.Write("pairs.csv", "anchor,positive,score\na,b,0.5\nc,d,5\n");
        Said(3, $"Line 3 of the file '{folder["pairs.csv"]}' is broken: its score (5) must be from -1 to 1.", "--loss", "cosine");

        void Said(int code, string message, params string[] options)
        {
            ToolResult result = ToolRunner.Run(["finetune", "embed", "--model", folder["bert"], "--data", folder["pairs.csv"], "--output", folder["run"], .. s_small, .. options]);
            Assert.Equal(code, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }
}

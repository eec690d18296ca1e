using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Pruning;
using PreTrain.Tokenization;
using TorchSharp;

namespace PreTrain.Cli.Tests.Commands;

public class PruneCommandTests
{
    [Theory]
    [InlineData("magnitude")]
    [InlineData("wanda")]
    [InlineData("sparsegpt")]
    public void Prune_Json_SaysWhatIsZeroAndWritesTheModel(string method)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(400));
        string[] calibration = method == "magnitude" ? [] : ["--data", data.Replace("text.txt", "*.txt", StringComparison.Ordinal)];
        for (int i = 0; i < 40; i++) folder.Write($"more{i}.txt", TinyModel.Text(5, seed: i));

        ToolResult result = ToolRunner.Run(["prune", "--model", folder["model"], "--output", folder["pruned"], "--method", method, "--sparsity", "0.4", "--json", .. calibration]);

        Assert.Equal("", result.Error);
        Assert.Equal(["output", "parametersBefore", "parametersAfter", "sparsity", "zeros", "weights", "maps", "layers", "heads", "neurons"], result.Keys());
        JsonElement json = result.Json();
        Assert.Equal(0.4, json.GetProperty("sparsity").GetDouble(), 0.01);
        Assert.Equal(8, json.GetProperty("maps").GetArrayLength());
        Assert.Equal(JsonValueKind.Null, json.GetProperty("heads").ValueKind);
        Assert.Equal(json.GetProperty("parametersBefore").GetInt64(), json.GetProperty("parametersAfter").GetInt64());
        using GptModel model = GptModel.FromPretrained(folder["pruned"]);
        Assert.Equal(json.GetProperty("zeros").GetInt64(), SparsityReport.Of(model).Zeros);
        Assert.Equal(0, ToolRunner.Run("evaluate", "perplexity", "--model", folder["pruned"], "--data", data).ExitCode);   // it has its tokenizer
    }

    [Theory]
    [InlineData("magnitude")]
    [InlineData("activation")]
    [InlineData("taylor")]
    public void Prune_Structure_WritesASmallerModel(string importance)
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.SaveLlama(folder["llama"]);
        string data = folder.Write("text.txt", TinyModel.Text(2));
        string[] calibration = importance == "magnitude" ? [] : ["--data", data];
        foreach (string name in new[] { "bert", "llama" })
        {
            ToolResult result = ToolRunner.Run(["prune", "--model", folder[name], "--output", folder[name + "-small"], "--heads", "0.34", "--neurons", "0.5", "--layers", "1", "--importance", importance, "--json", .. calibration]);
            Assert.Equal("", result.Error);
            JsonElement json = result.Json();
            Assert.True(json.GetProperty("parametersAfter").GetInt64() < json.GetProperty("parametersBefore").GetInt64());
            Assert.Single(json.GetProperty("heads").EnumerateObject());
            Assert.Equal(0, json.GetProperty("zeros").GetInt64());
        }
        using BertModel bert = BertModel.FromPretrained(folder["bert-small"]);
        Assert.Equal((1, 2, 5, 18), (bert.Config.LayerCount, bert.Config.HeadCount, bert.Config.HeadDim, bert.Config.InnerDim));
        using LlamaModel llama = LlamaModel.FromPretrained(folder["llama-small"]);
        Assert.Equal((1, 4, 2, 6, 18), (llama.Config.LayerCount, llama.Config.HeadCount, llama.Config.KeyValueHeadCount, llama.Config.HeadDim, llama.Config.FeedForwardDim));
    }

    [Fact]
    public void Prune_PatternOfASmallerModel_DoesBoth()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder["model"]);
        ToolResult result = ToolRunner.Run("prune", "--model", folder["model"], "--output", folder["pruned"], "--neurons", "0.5", "--pattern", "2:4", "--targets", "*.query", "*.up");
        Assert.Equal("", result.Error);
        Assert.Contains("blocks.1.up         18 x 24      50.00 % zero", result.Output);
        Assert.Contains("in 4 maps are zero (50.00 %)", result.Output);
        Assert.Equal(0, ToolRunner.Run("prune", "--model", folder["model"], "--output", folder["pruned"], "--sparsity", "0.1", "--overwrite").ExitCode);   // a model may be replaced
        ToolResult again = ToolRunner.Run("prune", "--model", folder["model"], "--output", folder["pruned"], "--sparsity", "0.1");
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("is there already; give --overwrite to replace it", again.Error);
    }

    [Theory]
    [InlineData(false, 8)]
    [InlineData(true, 2)]
    public void Prune_Scan_TellsTheLossOfEachPartAndWritesNothing(bool byLayer, int parts)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(4));
        string[] options = ["prune", "--model", folder["model"], "--scan", "--data", data, "--sparsities", "0.01,0.9", .. byLayer ? new[] { "--by-layer" } : []];
        byte[] before = File.ReadAllBytes(folder["model/model.safetensors"]);

        JsonElement json = ToolRunner.Run([.. options, "--json"]).Json();
        ToolResult text = ToolRunner.Run(options);

        double whole = json.GetProperty("loss").GetDouble();
        JsonElement[] scores = [.. json.GetProperty("parts").EnumerateArray()];
        Assert.Equal(2 * parts, scores.Length);
        Assert.Equal(byLayer ? "blocks.0" : "blocks.0.qkv", scores[0].GetProperty("part").GetString());
        foreach (JsonElement[] pair in scores.Chunk(2))
        {
            Assert.Equal((0.01, 0.9), (pair[0].GetProperty("sparsity").GetDouble(), pair[1].GetProperty("sparsity").GetDouble()));
            Assert.True(Math.Abs(pair[0].GetProperty("loss").GetDouble() - whole) < Math.Abs(pair[1].GetProperty("loss").GetDouble() - whole));
        }
        Assert.Contains("whole model", text.Output);
        Assert.Equal(parts + 2, text.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
        Assert.Equal(before, File.ReadAllBytes(folder["model/model.safetensors"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(folder.Path).Length);
    }

    [Fact]
    public void Prune_Scan_CountsEveryTokenAlike()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string text = TinyModel.Text(14);
        using GptModel model = GptModel.FromPretrained(folder["model"]);
        ((torch.nn.Module)model).eval();
        var options = new EncodingOptions { Truncation = new TruncationOptions { MaxLength = TinyModel.ContextLength }, Padding = PaddingOptions.None };
        TokenEncoding first = TextTokenizer.Load(folder["model"]).Tokenize(text, options: options);
        long[][] windows = [.. new[] { first }.Concat(first.Overflow).Select(window => Array.ConvertAll(window.Ids.ToArray(), id => (long)id))];
        double sum = 0;
        foreach (long[] ids in windows)
        {
            using IDisposable mode = torch.no_grad();
            sum += model.Loss(torch.tensor(ids, [1, ids.Length]), torch.tensor([.. ids.Skip(1), -100L], [1, ids.Length]), 1).item<float>();
        }
        double expected = sum / windows.Sum(ids => ids.Length - 1);
        Assert.True(windows.Length % 8 is > 0 and < 7, $"{windows.Length}");   // the last batch is smaller

        JsonElement json = ToolRunner.Run("prune", "--model", folder["model"], "--scan", "--data", folder.Write("text.txt", text), "--sparsities", "0.5", "--json").Json();

        Assert.Equal(expected, json.GetProperty("loss").GetDouble(), 1e-5);
    }

    [Fact]
    public void Prune_WrongUsage_EndsWith2AndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        TinyModel.SaveBert(folder["classifier"], ModelHead.SequenceClassification);
        string data = folder.Write("text.txt", TinyModel.Text(2));
        folder.Write("notes/a.txt", "mine");
        Refused("Nothing is to be pruned");
        Refused("--sparsity (1) must be at least 0 and below 1.", "--sparsity", "1");
        Refused("--heads (1.5) must be at least 0 and below 1.", "--heads", "1.5");
        Refused("--pattern (4:2) must be N:M with 0 < N < M", "--pattern", "4:2");
        Refused("exclude each other", "--pattern", "2:4", "--sparsity", "0.5");
        Refused("(15) must be divisible by the group of Pattern (2:4)", "--pattern", "2:4");
        Refused("--data must be given", "--method", "wanda");
        Refused("--data is of no effect with magnitude", "--method", "magnitude", "--data", data);
        Refused("--samples is of no effect with magnitude; leave it out", "--layers", "1", "--samples", "5");
        Refused("--data and --samples are of no effect with magnitude; leave them out", "--sparsity", "0.5", "--samples", "5", "--data", data);
        Refused("--layers (2) must be below the number of layers (2)", "--layers", "2");
        Refused("--importance is of no effect", "--importance", "taylor");
        Refused("--targets and --scope are of no effect", "--layers", "1", "--scope", "map");
        Refused("--targets: the pattern 'nowhere' fits no linear map", "--sparsity", "0.5", "--targets", "nowhere");
        ToolResult small = ToolRunner.Run("prune", "--model", folder["model"], "--output", folder["pruned"], "--method", "wanda", "--data", data);
        Assert.Equal((3, ""), (small.ExitCode, small.Output));
        Assert.StartsWith($"error: --data ({data}): The linear map 'blocks.0.", small.Error, StringComparison.Ordinal);
        Assert.Contains("must be at least MinimumTokens (128)", small.Error, StringComparison.Ordinal);
        Refused("--targets (--method) must be followed by its values", "--targets", "--method", "wanda");
        Refused("--by-layer is of no effect without --scan", "--by-layer", "--layers", "1");
        Refused("--scan and --output exclude each other", "--scan", "--data", data);
        Said("--scan needs --data", "--model", folder["model"], "--scan");
        Said("--sparsities (0.5,1) must be numbers above 0 and below 1", "--model", folder["model"], "--scan", "--data", data, "--sparsities", "0.5,1");
        Said("--output is missing", "--model", folder["model"], "--sparsity", "0.5");
        Said("must be another folder", "--model", folder["model"], "--output", folder["model"], "--sparsity", "0.5");
        Said("exists and is not the folder of a model", "--model", folder["model"], "--output", folder["notes"], "--sparsity", "0.5");
        Said("needs the loss of a model that predicts tokens", "--model", folder["classifier"], "--output", folder["pruned"], "--layers", "1", "--importance", "taylor", "--data", data);
        Said($"--scan needs the loss of a model that predicts tokens, and --model ({folder["classifier"]}) holds a bert with the head SequenceClassification.", "--model", folder["classifier"], "--scan", "--data", data);
        Assert.False(Directory.Exists(folder["pruned"]));

        void Refused(string message, params string[] options) => Said(message, ["--model", folder["model"], "--output", folder["pruned"], .. options]);

        static void Said(string message, params string[] options)
        {
            ToolResult result = ToolRunner.Run(["prune", .. options]);
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Prune_NoModel_EndsWith3()
    {
        using var folder = new TemporaryFolder();
        ToolResult result = ToolRunner.Run("prune", "--model", folder["nowhere"], "--output", folder["pruned"], "--sparsity", "0.5");
        Assert.Equal(3, result.ExitCode);
        Assert.Contains("the folder does not exist", result.Error, StringComparison.Ordinal);
    }
}

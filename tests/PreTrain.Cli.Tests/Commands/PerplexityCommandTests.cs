using System.Text.Json;
using PreTrain.Cli.Commands;
using PreTrain.Data;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Models.Llama;
using PreTrain.Modules;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class PerplexityCommandTests
{
    [Theory]
    [InlineData("1")]
    [InlineData("7")]
    public void Perplexity_Json_IsTheMeanOverAllTokens(string batch)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(11));

        ToolResult result = ToolRunner.Run("evaluate", "perplexity", "--model", folder["model"], "--data", data, "--batch", batch, "--json");

        Assert.Equal(["loss", "perplexity", "tokens"], result.Keys());
        JsonElement json = result.Json();
        double expected = SlowLoss(folder["model"], TinyModel.Text(11), out int tokens);
        Assert.Equal(tokens, json.GetProperty("tokens").GetInt64());
        Assert.Equal(expected, json.GetProperty("loss").GetDouble(), 1e-5);
        Assert.Equal(Math.Exp(json.GetProperty("loss").GetDouble()), json.GetProperty("perplexity").GetDouble(), 1e-9);
    }

    [Fact]
    public void MeanLoss_ShortText_ComputesNoMoreThanItsTokens()
    {
        using var folder = new TemporaryFolder();
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([TinyModel.Text(50)], new() { VocabSize = 283 }, cancellation: TestContext.Current.CancellationToken);
        using TokenStore store = TokenStore.Build([TinyModel.Text(11)], tokenizer, folder["tokens"], cancellationToken: TestContext.Current.CancellationToken);
        var model = new CountingModel(100_000);
        var windows = new EvaluationWindows(store.All, model.ContextLength);
        Assert.Equal(3.5, PerplexityCommand.MeanLoss(model, CPU, windows, 8, TestContext.Current.CancellationToken), 1e-5);
        Assert.Equal([(1, windows.TargetCount)], model.Seen);

        model = new CountingModel(19);
        windows = new EvaluationWindows(store.All, model.ContextLength);
        Assert.Equal(3.5, PerplexityCommand.MeanLoss(model, CPU, windows, 1, TestContext.Current.CancellationToken), 1e-5);
        Assert.Equal(windows.TargetCount, model.Seen.Sum(one => one.Rows * one.Length));
    }

    /// <summary>Loses 3.5 with each target, and remembers the shapes of what it was given.</summary>
    private sealed class CountingModel(int contextLength) : ICausalLanguageModel
    {
        internal List<(long Rows, long Length)> Seen { get; } = [];

        public int VocabSize => 283;

        public int ContextLength => contextLength;

        public Device Device => CPU;

        public Tensor Logits(Tensor ids) => throw new NotSupportedException();

        public Tensor Loss(Tensor ids, Tensor targets, double normalizer)
        {
            Assert.Equal(ids.shape, targets.shape);
            Seen.Add((ids.size(0), ids.size(1)));
            return targets.ne(EvaluationWindows.IgnoredTarget).sum().to(ScalarType.Float32) * (3.5 / normalizer);
        }

        public Tensor Loss(ModelInput input, Tensor targets, double normalizer) => throw new NotSupportedException();

        public Tensor NextLogits(Tensor ids, KeyValueCache cache) => throw new NotSupportedException();

        public KeyValueCache CreateCache(long batch, int capacity) => throw new NotSupportedException();
    }

    [Fact]
    public void Perplexity_FolderOfARun_FindsItsModel()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", TinyModel.Text(3));

        Assert.Equal(ToolRunner.Run("evaluate", "perplexity", "--model", folder["model"], "--data", data).Output,
            ToolRunner.Run("evaluate", "perplexity", "--model", folder.Path, "--data", data).Output);
    }

    [Fact]
    public void Perplexity_OtherFamilyAndTokenizer_IsTheMeanOverAllTokens()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder["model"]);
        TinyModel.SaveBert(folder["bert"]);
        string data = folder.Write("text.txt", TinyModel.Text(11));
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        TextTokenizer tokenizer = TextTokenizer.Load(folder["model"]);
        using LlamaModel model = LlamaModel.FromPretrained(folder["model"]);
        long[] ids = [.. tokenizer.Encode(TinyModel.Text(11)).Select(id => (long)id), tokenizer.EndOfTextId!.Value];
        double sum = 0;
        for (int at = 1; at < ids.Length; at++)
        {
            int start = (at - 1) / 43 * 43;
            Tensor logits = model.Logits(tensor(ids[start..at], [1, at - start]))[0, ^1];
            sum += (logits.logsumexp(0) - logits[ids[at]]).item<float>();
        }

        JsonElement json = ToolRunner.Run("evaluate", "perplexity", "--model", folder["model"], "--data", data, "--json").Json();

        Assert.Equal(sum / (ids.Length - 1), json.GetProperty("loss").GetDouble(), 1e-5);
        ToolResult reader = ToolRunner.Run("evaluate", "perplexity", "--model", folder["bert"], "--data", data);
        Assert.Equal(2, reader.ExitCode);
        Assert.StartsWith($"error: --model ({folder["bert"]}) holds a bert model, which predicts no next token", reader.Error);
    }

    [Fact]
    public void Perplexity_NotUtf8_SaysTheByteAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string data = folder.Write("text.txt", [0x61, 0x62, 0xE9, 0x20]);

        ToolResult result = ToolRunner.Run("evaluate", "perplexity", "--model", folder["model"], "--data", data, "--json");

        Assert.Equal((3, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: The file '{data}' is not UTF-8: the byte 0xE9 at offset 2 is not valid there.", result.Error);
    }

    [Fact]
    public void Perplexity_WeightsThatAreNotFinite_EndsWith4()
    {
        using var folder = new TemporaryFolder();
        GptConfig config = TinyModel.Save(folder["model"]);
        using (var model = new GptModel(config))
        {
            using IDisposable mode = no_grad();
            foreach (var parameter in model.parameters()) parameter.fill_(float.NaN);
            model.SavePretrained(folder["model"]);
        }
        string data = folder.Write("text.txt", TinyModel.Text(3));

        ToolResult result = ToolRunner.Run("evaluate", "perplexity", "--model", folder["model"], "--data", data);

        Assert.Equal(4, result.ExitCode);
        Assert.StartsWith("error: The loss is NaN, which is not a finite number", result.Error);
    }

    /// <summary>One token at a time, each window by itself.</summary>
    private static double SlowLoss(string folder, string text, out int targets)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = no_grad();
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Load(folder);
        using GptModel model = GptModel.FromPretrained(folder);
        model.eval();
        long[] ids = [.. tokenizer.Encode(text).Select(id => (long)id), tokenizer.EndOfTextId!.Value];
        targets = ids.Length - 1;
        double sum = 0;
        for (int at = 1; at < ids.Length; at++)
        {
            int start = (at - 1) / TinyModel.ContextLength * TinyModel.ContextLength;
            Tensor logits = model.Logits(tensor(ids[start..at], [1, at - start]))[0, ^1];
            sum += (logits.logsumexp(0) - logits[ids[at]]).item<float>();
        }
        return sum / targets;
    }
}

using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class FillMaskCommandTests
{
    private const string Text = "The [MASK] returns a [MASK] .";

    [Fact]
    public void FillMask_Json_ListsTheBestTokensOfEachMask()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);

        ToolResult result = ToolRunner.Run("fill-mask", "--model", folder.Path, "--text", Text, "--top", "3", "--json");

        Assert.Equal(["predictions"], result.Keys());
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = BertModel.FromPretrained(folder.Path);
        model.eval();
        using IDisposable mode = no_grad();
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);
        int[] ids = tokenizer.Tokenize(Text).Ids.ToArray();
        Tensor probabilities = model.Forward(new() { Ids = tensor(Array.ConvertAll(ids, id => (long)id), [1, ids.Length]) }).Logits[0].softmax(-1);
        int[] places = [.. Enumerable.Range(0, ids.Length).Where(i => tokenizer.IdToToken(ids[i]) == "[MASK]")];
        JsonElement[] predictions = [.. result.Json().GetProperty("predictions").EnumerateArray()];
        Assert.Equal((2, 2), (places.Length, predictions.Length));
        foreach (var (place, prediction) in places.Zip(predictions))
        {
            float[] row = probabilities[place].data<float>().ToArray();
            int[] best = [.. Enumerable.Range(0, row.Length).OrderByDescending(id => row[id]).Take(3)];
            Assert.Equal(best, prediction.EnumerateArray().Select(p => p.GetProperty("id").GetInt32()));
            Assert.All(prediction.EnumerateArray(), p =>
            {
                Assert.Equal(["token", "id", "probability"], p.EnumerateObject().Select(member => member.Name));
                Assert.Equal(tokenizer.IdToToken(p.GetProperty("id").GetInt32()), p.GetProperty("token").GetString());
                Assert.Equal(row[p.GetProperty("id").GetInt32()], p.GetProperty("probability").GetDouble(), 1e-6);
            });
        }
        string[] lines = ToolRunner.Run("fill-mask", "--model", folder.Path, "--text", "The [MASK] .").Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(5, lines.Length);
    }

    [Fact]
    public void FillMask_WhatDoesNotFit_EndsWith2Or3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.SaveBert(folder["bare"], ModelHead.None);
        TinyModel.Save(folder["gpt"]);
        ToolResult Run(string model, string text) => ToolRunner.Run("fill-mask", "--model", folder[model], "--text", text, "--json");

        ToolResult none = Run("bert", "The method"), other = Run("bert", "The <mask>"), causal = Run("gpt", "The [MASK]"), bare = Run("bare", "The [MASK]"), gone = Run("gone", "The [MASK]"),
            longer = Run("bert", "The [MASK] " + TinyModel.Text(5)), empty = Run("bert", " "), top = ToolRunner.Run("fill-mask", "--model", folder["bert"], "--text", "The [MASK]", "--top", "0");

        Assert.Equal((2, "error: --text must hold the tokenizer's mask token, [MASK].\n"), (none.ExitCode, none.Error));
        Assert.Equal((2, "error: --text must hold the tokenizer's mask token, [MASK].\n"), (other.ExitCode, other.Error));
        Assert.Equal(2, causal.ExitCode);
        Assert.StartsWith($"error: The model in '{folder["gpt"]}' is not for this: A GptModel has no head MaskedLanguageModel; it has", causal.Error);
        Assert.Equal(3, bare.ExitCode);
        Assert.Contains("is missing", bare.Error);
        Assert.Equal(3, gone.ExitCode);
        Assert.Equal(2, longer.ExitCode);
        Assert.Contains("the model's context takes at most 29.", longer.Error);
        Assert.Equal(2, empty.ExitCode);
        Assert.StartsWith("error: --text ( ) must not be empty.", empty.Error);
        Assert.Equal(2, top.ExitCode);
        Assert.StartsWith("error: --top (0) must be a positive whole number", top.Error);
    }

    [Fact]
    public void FillMask_TokenizerWithoutAMask_SaysSoAndEndsWith3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainWordPiece([TinyModel.Text(50)], new() { VocabSize = 97, SpecialTokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] },
            cancellation: TestContext.Current.CancellationToken);
        tokenizer.Save(folder.Path);

        ToolResult result = ToolRunner.Run("fill-mask", "--model", folder.Path, "--text", "The [MASK]");

        Assert.Equal((3, $"error: {folder.Path}: the tokenizer has no mask token.\n"), (result.ExitCode, result.Error));
    }

    [Fact]
    public void FillMask_WeightsThatAreNotFinite_EndsWith4()
    {
        using var folder = new TemporaryFolder();
        BertConfig config = TinyModel.SaveBert(folder.Path);
        using (var model = new BertModel(config, ModelHead.MaskedLanguageModel))
        {
            using IDisposable mode = no_grad();
            foreach (var parameter in model.parameters()) parameter.fill_(float.NaN);
            model.SavePretrained(folder.Path);
        }

        Assert.Equal(4, ToolRunner.Run("fill-mask", "--model", folder.Path, "--text", Text).ExitCode);
    }
}

using System.Text.Json;
using PreTrain.Models;
using PreTrain.Models.Bert;
using PreTrain.Models.Llama;
using PreTrain.Tokenization;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class EmbedCommandTests
{
    private static readonly string[] s_texts = ["The method returns the next character.", "A stream", "Each value"];

    private static float[][] Vectors(ToolResult result) => [.. result.Json().GetProperty("embeddings").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray())];

    private static ToolResult Embed(string folder, params string[] more) =>
        ToolRunner.Run(["embed", "--model", folder, .. s_texts.SelectMany(text => new[] { "--text", text }), "--json", .. more]);

    [Theory]
    [InlineData("mean")]
    [InlineData("cls")]
    [InlineData("last")]
    [InlineData("pooler")]
    public void Embed_Texts_ArePooledAsEachAlone(string pooling)
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path, ModelHead.None);
        using DisposeScope scope = NewDisposeScope();
        using BertModel model = BertModel.FromPretrained(folder.Path);
        model.eval();
        using IDisposable mode = no_grad();
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Path);

        ToolResult result = Embed(folder.Path, "--pooling", pooling);

        Assert.Equal(["modelType", "pooling", "normalized", "shape", "embeddings"], result.Keys());
        Assert.Equal(("bert", pooling, false), (result.Json().GetProperty("modelType").GetString(), result.Json().GetProperty("pooling").GetString(), result.Json().GetProperty("normalized").GetBoolean()));
        Assert.Equal("[3,15]", result.Json().GetProperty("shape").GetRawText());
        foreach (var (text, vector) in s_texts.Zip(Vectors(result)))
        {
            long[] ids = [.. tokenizer.Tokenize(text).Ids.ToArray().Select(id => (long)id)];
            ModelOutput output = model.Forward(new() { Ids = tensor(ids, [1, ids.Length]) });
            Tensor expected = pooling switch { "mean" => output.Logits[0].mean([0L]), "cls" => output.Logits[0, 0], "last" => output.Logits[0, ^1], _ => output.Pooled![0] };
            Assert.All(expected.data<float>().ToArray().Zip(vector), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
        }
        Assert.Equal(3, Vectors(result).Select(vector => vector[0]).Distinct().Count());
    }

    [Fact]
    public void Embed_Normalized_HasLength1AndTheSameDirection()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder.Path);

        float[][] plain = Vectors(Embed(folder.Path)), unit = Vectors(Embed(folder.Path, "--normalize", "--batch", "2"));

        foreach (var (a, b) in plain.Zip(unit))
        {
            double length = Math.Sqrt(a.Sum(x => (double)x * x));
            Assert.All(a.Zip(b), pair => Assert.Equal(pair.First / length, pair.Second, 1e-5));
        }
    }

    [Fact]
    public void Embed_LowerCaseAndDefaultPromptOfTheFolder_AreThoseOfTheTextWrittenOut()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path, ModelHead.None);
        float[][] expected = Vectors(ToolRunner.Run(["embed", "--model", folder.Path, .. s_texts.SelectMany(text => new[] { "--text", "a query: " + text.ToLowerInvariant() }), "--json"]));
        folder.Write("modules.json", """[{"path": "", "type": "sentence_transformers.models.Transformer"}]""");
        folder.Write("sentence_roberta_config.json", """{"do_lower_case": true}""");
        folder.Write("config_sentence_transformers.json", """{"prompts": {"query": "A Query: "}, "default_prompt_name": "query"}""");
        foreach (var (a, b) in expected.Zip(Vectors(Embed(folder.Path))))
            Assert.All(a.Zip(b), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Fact]
    public void Embed_File_IsOneTextALine()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["model"]);
        string file = folder.Write("texts.txt", string.Join("\r\n", s_texts) + "\n");

        Assert.Equal(Embed(folder["model"]).Output, ToolRunner.Run("embed", "--model", folder["model"], "--file", file, "--json").Output);
        Assert.Equal(3, ToolRunner.Run("embed", "--model", folder["model"], "--file", file).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void Embed_LongText_IsCutAndSaysSo()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);

        ToolResult result = ToolRunner.Run("embed", "--model", folder.Path, "--text", TinyModel.Text(5), "--json");

        Assert.Equal("[1,15]", result.Json().GetProperty("shape").GetRawText());
        Assert.Equal("A text was cut to 29 tokens, the longest text of the model.\n", result.Error);
    }

    [Fact]
    public void Embed_LengthOfTheFolderBeyondTheContext_IsThatOfTheContext()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder.Path);
        folder.Write("modules.json", """[{"path": "", "type": "sentence_transformers.models.Transformer"}]""");
        folder.Write("sentence_bert_config.json", """{"max_seq_length": 512}""");

        ToolResult result = ToolRunner.Run("embed", "--model", folder.Path, "--text", TinyModel.Text(5), "--json");

        Assert.Equal("A text was cut to 29 tokens, the longest text of the model.\n", result.Error);
    }

    [Theory]
    [InlineData("--text a --pooling sum", "--pooling (sum) must be mean, cls, max, last or pooler.")]
    [InlineData("", "Give either --text or --file.")]
    [InlineData("--text a --file b", "Give either --text or --file.")]
    [InlineData("--text a --batch 0", "--batch (0) must be a positive whole number")]
    public void Embed_WrongUsage_NamesItAndEndsWith2(string options, string message)
    {
        ToolResult result = ToolRunner.Run(["embed", "--model", "m", .. options.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

        Assert.Equal((2, ""), (result.ExitCode, result.Output));
        Assert.StartsWith($"error: {message}", result.Error);
    }

    [Fact]
    public void Embed_WhatTheModelLacks_EndsWith2Or3()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["gpt"]);
        TinyModel.SaveBert(folder["masked"]);   // saved without a pooler
        string file = folder.Write("texts.txt", "The\n\nA");

        foreach (var (name, family) in new[] { ("gpt", "gpt2"), ("masked", "bert") })
        {
            ToolResult pooler = ToolRunner.Run("embed", "--model", folder[name], "--text", "The", "--pooling", "pooler");
            Assert.Equal((2, $"error: --pooling (pooler) needs a model with a pooler, and the {family} model in '{folder[name]}' has none; take mean, cls, max or last.\n"), (pooler.ExitCode, pooler.Error));
        }
        ToolResult empty = ToolRunner.Run("embed", "--model", folder["gpt"], "--text", ""), line = ToolRunner.Run("embed", "--model", folder["gpt"], "--file", file),
            missing = ToolRunner.Run("embed", "--model", folder["gpt"], "--file", folder["none.txt"]), gone = ToolRunner.Run("embed", "--model", folder["none"], "--text", "The");
        Assert.Equal((2, "error: --text must not be empty.\n"), (empty.ExitCode, empty.Error));
        Assert.Equal((3, $"error: The file '{file}' has no text in line 2.\n"), (line.ExitCode, line.Error));
        Assert.Equal(3, missing.ExitCode);
        Assert.Contains("none.txt", missing.Error);
        Assert.Equal(3, gone.ExitCode);
    }

    [Fact]
    public void Embed_WeightsThatAreNotFinite_EndsWith4()
    {
        using var folder = new TemporaryFolder();
        LlamaConfig config = TinyModel.SaveLlama(folder.Path);
        using (var model = new LlamaModel(config))
        {
            using IDisposable mode = no_grad();
            foreach (var parameter in model.parameters()) parameter.fill_(float.NaN);
            model.SavePretrained(folder.Path);
        }

        ToolResult result = Embed(folder.Path);

        Assert.Equal((4, ""), (result.ExitCode, result.Output));
        Assert.StartsWith("error: The vector of text 1 holds numbers that are not finite", result.Error);
    }
}

using System.Text.Json;
using PreTrain.Models.Bart;
using PreTrain.Models.T5;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Cli.Tests.Commands;

public class FinetuneSeq2SeqCommandTests
{
    private static readonly string[] s_small = ["--steps", "3", "--batch", "2", "--device", "cpu", "--report", "none"];

    private static void Prepare(TemporaryFolder folder)
    {
        PipelineTokenizer tokenizer = PipelineTokenizer.TrainUnigram([TinyModel.Text(50)], new() { VocabSize = 97, SpecialTokens = ["<pad>", "</s>", "<unk>"] });
        using var model = new T5Model(new() { VocabSize = tokenizer.VocabSize, LayerCount = 1, HeadCount = 2, EmbeddingDim = 16, HeadDim = 8, FeedForwardDim = 24 });
        model.SavePretrained(folder["t5"]);
        tokenizer.Save(folder["t5"]);
        TinyModel.Save(folder["gpt"]);
        folder.Write("pairs.tsv", "de\ten\n" + string.Concat(TinyModel.Text(20).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => $"{line}\t{line.Split(' ')[1]}\n")));
    }

    private static string[] Data(TemporaryFolder folder) => ["--data", folder["pairs.tsv"], "--source-field", "de", "--target-field", "en"];

    [Fact]
    public void Seq2Seq_ModelThatReadsAndWrites_IsTunedAndMeasured()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        ToolResult tuned = ToolRunner.Run(["finetune", "seq2seq", "--model", folder["t5"], .. Data(folder), "--output", folder["run"], "--source-prefix", "verb: ", "--max-source", "24", "--max-target", "9", .. s_small, "--json"]);
        Assert.Equal(3, tuned.Json().GetProperty("steps").GetInt32());
        Assert.False(File.Exists(folder["run/model/chat_template.jinja"]));
        ToolResult measured = ToolRunner.Run(["evaluate", "seq2seq", "--model", folder["run"], .. Data(folder), "--source-prefix", "verb: ", "--validation-fraction", "0.25", "--limit", "4", "--max-new-tokens", "5", "--predictions", folder["p.jsonl"], "--json"]);
        Assert.Equal(["pairs", "bleu", "rouge1", "rouge2", "rougeL", "exactMatch"], measured.Keys());
        Assert.Equal(4, measured.Json().GetProperty("pairs").GetInt32());
        string[] lines = File.ReadAllLines(folder["p.jsonl"]);
        Assert.Equal(4, lines.Length);
        foreach (var (file, message) in new[] { ("none/p.jsonl", "there is no folder '"), ("run", "is a folder; it must be a file.") })
        {
            ToolResult refused = ToolRunner.Run(["evaluate", "seq2seq", "--model", folder["run"], .. Data(folder), "--predictions", folder[file]]);
            Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
            Assert.Contains($"--predictions ({folder[file]})", refused.Error);
            Assert.Contains(message, refused.Error);
        }
        Assert.All(lines, line => Assert.Equal(JsonDocument.Parse(line).RootElement.GetProperty("source").GetString()!.Split(' ')[1], JsonDocument.Parse(line).RootElement.GetProperty("target").GetString()));
    }

    [Theory]
    [InlineData("t5", "dora", "merged")]
    [InlineData("t5", "bottleneck", "base")]
    [InlineData("gpt", "ia3", "merged")]
    public void Seq2Seq_Adapter_LeavesAModelThatIsMeasured(string model, string adapter, string whole)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        folder.Write("pairs.tsv", "source\ttarget\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"{i}\tab\n")));
        ToolResult tuned = ToolRunner.Run(["finetune", "seq2seq", "--model", folder[model], "--data", folder["pairs.tsv"], "--output", folder["run"], "--adapter", adapter, .. s_small, "--json"]);
        Assert.Equal(3, tuned.Json().GetProperty("steps").GetInt32());
        Assert.True(File.Exists(folder[$"run/{whole}/model.safetensors"]));
        Assert.Equal(model == "gpt", File.Exists(folder[$"run/{whole}/chat_template.jinja"]));
        ToolResult measured = ToolRunner.Run("evaluate", "seq2seq", "--model", folder["run"], "--data", folder["pairs.tsv"], "--max-new-tokens", "3", "--json");
        Assert.Equal(20, measured.Json().GetProperty("pairs").GetInt32());
    }

    [Fact]
    public void Seq2Seq_ModelThatGoesOn_IsTunedAndMeasuredByItsTemplate()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        folder.Write("pairs.tsv", "source\ttarget\n" + string.Concat(Enumerable.Range(0, 20).Select(i => $"{i}\tab\n")));
        ToolResult tuned = ToolRunner.Run(["finetune", "seq2seq", "--model", folder["gpt"], "--data", folder["pairs.tsv"], "--output", folder["run"], .. s_small, "--json"]);
        Assert.Equal(3, tuned.Json().GetProperty("steps").GetInt32());
        Assert.Equal(ChatTemplate.Plain, File.ReadAllText(folder["run/model/chat_template.jinja"]));
        ToolResult measured = ToolRunner.Run("evaluate", "seq2seq", "--model", folder["run"], "--data", folder["pairs.tsv"], "--max-new-tokens", "3", "--beams", "2");
        Assert.True(measured.ExitCode == 0, measured.Error);
        Assert.Contains("pairs        20", measured.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Seq2Seq_SourcesBeyondTheContext_AreMeasured()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        TextTokenizer tokenizer = TextTokenizer.Load(folder["t5"]);
        using (var model = new BartModel(new() { VocabSize = tokenizer.VocabSize, ContextLength = 7, LayerCount = 1, HeadCount = 2, EmbeddingDim = 16, FeedForwardDim = 24, PaddingId = 0, EndId = 1, DecoderStartId = 1 }))
            model.SavePretrained(folder["bart"]);
        tokenizer.Save(folder["bart"]);
        folder.Write("long.tsv", "source\ttarget\n" + string.Concat(Enumerable.Range(0, 3).Select(i => $"The method returns the next character of a stream {i}\tan array\n")));

        foreach (var (more, longest) in new (string[], int)[] { ([], 7), (["--max-source", "3"], 3) })
        {
            ToolResult measured = ToolRunner.Run(["evaluate", "seq2seq", "--model", folder["bart"], "--data", folder["long.tsv"], "--max-new-tokens", "3", "--json", .. more]);
            Assert.Equal(3, measured.Json().GetProperty("pairs").GetInt32());
            Assert.Contains($"warning: 3 of 3 texts are longer than {longest} tokens; the rest was not read.", measured.Error);
        }
        ToolResult continued = ToolRunner.Run("evaluate", "seq2seq", "--model", folder["gpt"], "--data", folder["long.tsv"], "--max-new-tokens", "3"), whole = ToolRunner.Run("evaluate", "seq2seq", "--model", folder["t5"], "--data", folder["long.tsv"], "--max-new-tokens", "3");
        Assert.Contains("warning: 3 of 3 prompts and what was written for them are longer than the model's context of 13 tokens; their beginnings were not read to the end.", continued.Error);
        Assert.DoesNotContain("warning", whole.Error);
        Said("bart", "--max-source", "1", "--max-source (1)");
        Said("bart", "--max-source", "8", "the model's context (7)");
        Said("bart", "--template", "plain", "--template is for models that go on from a text, and the model is a bart.");
        Said("gpt", "--max-source", "5", "--max-source (5) is for models that read a text and write another, and the model is a gpt2.");

        void Said(string model, string option, string value, string message)
        {
            ToolResult refused = ToolRunner.Run("evaluate", "seq2seq", "--model", folder[model], "--data", folder["long.tsv"], option, value);
            Assert.Equal((2, ""), (refused.ExitCode, refused.Output));
            Assert.Contains(message, refused.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Seq2Seq_WrongInput_SaysWhat()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        Said(2, "--template is for models that go on from a text", "t5", [.. Data(folder), "--template", "plain"]);
        Said(2, "--max-source and --max-target go together for a gpt2 model", "gpt", [.. Data(folder), "--max-source", "5"]);
        Said(2, "--max-target (1) must be at least 2", "t5", [.. Data(folder), "--max-target", "1"]);
        Said(2, "--source-field is for files", "t5", ["--data", "sdk-docs", "--source-field", "x"]);
        Said(3, "'source' is not among them", "t5", ["--data", folder["pairs.tsv"]]);

        void Said(int code, string message, string model, string[] options)
        {
            ToolResult result = ToolRunner.Run(["finetune", "seq2seq", "--model", folder[model], "--output", folder["run"], .. s_small, .. options]);
            Assert.Equal(code, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }
}

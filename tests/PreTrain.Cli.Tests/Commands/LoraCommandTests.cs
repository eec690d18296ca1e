using System.Text.Json;
using PreTrain.FineTuning;
using PreTrain.Models.Gpt;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Cli.Tests.Commands;

public class LoraCommandTests
{
    [Fact]
    public void Merge_TwoAdaptersWithWeights_WritesTheWeightsOfTheFormula()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        SaveAdapter(folder["model"], folder["a"], 5);
        SaveAdapter(folder["model"], folder["run/model"], 7);

        ToolResult result = ToolRunner.Run("lora", "merge", "--model", folder["model"], "--adapter", folder["a"], folder["run"], "--weights", "0.5", "-2", "--output", folder["merged"], "--json");

        Assert.Equal("", result.Error);
        Assert.Equal(["output", "adapters"], result.Keys());
        JsonElement adapters = result.Json().GetProperty("adapters");
        Assert.Equal([0.5, -2.0], adapters.EnumerateArray().Select(a => a.GetProperty("weight").GetDouble()));
        Assert.All(adapters.EnumerateArray(), a => Assert.Equal("lora", a.GetProperty("kind").GetString()));
        using GptModel plain = GptModel.FromPretrained(folder["model"]), merged = GptModel.FromPretrained(folder["merged"]);
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> before = plain.state_dict(), after = merged.state_dict();
        foreach (var (name, value) in before)
        {
            // W + 0.5·s·B₁·A₁ − 2·s·B₂·A₂ in 64 bits.
            Tensor expected = value.to(ScalarType.Float64);
            if (name.Contains("blocks.", StringComparison.Ordinal) && name.EndsWith(".weight", StringComparison.Ordinal) && !name.Contains("norm", StringComparison.Ordinal))
                expected = expected + 0.5 * Delta(5, value) - 2 * Delta(7, value);
            Assert.True((expected - after[name]).abs().max().item<double>() < 1e-6, name);
        }
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["merged"], "--prompt", "The", "--max-new-tokens", "2").ExitCode);   // it has its tokenizer
    }

    [Fact]
    public void Merge_IntoAModelOfTheSameShape_SaysThatItsWeightsAreOthers()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        TinyModel.Save(folder["other"], seed: 4);
        SaveAdapter(folder["model"], folder["a"], 5);
        ToolResult own = ToolRunner.Run("lora", "merge", "--model", folder["model"], "--adapter", folder["a"], "--output", folder["merged"]);
        Assert.Equal((0, ""), (own.ExitCode, own.Error));
        ToolResult result = ToolRunner.Run("lora", "merge", "--model", folder["other"], "--adapter", folder["a"], "--output", folder["wrong"]);
        Assert.Equal(0, result.ExitCode);
        Assert.Contains($"Warning: {folder["a"]} was trained beside other weights than those of --model ({folder["other"]})", result.Error);
    }

    [Fact]
    public void Merge_WrongUsage_SaysWhatIsWrongAndWritesNothing()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        TinyModel.SaveLlama(folder["llama"]);
        SaveAdapter(folder["model"], folder["a"], 5);
        using (GptModel model = GptModel.FromPretrained(folder["model"]))
        {
            using (var prompt = new PromptTuning(model, new() { Length = 2 })) prompt.SavePretrained(folder["prompt"]);
            using (var factors = new Ia3Adapter(model)) factors.SavePretrained(folder["ia3"]);
            using (var biases = new BitFit(model)) foreach (string name in new[] { "bias", "bias2" }) biases.SavePretrained(folder[name]);
            using (var dora = new LoraAdapter(model, new LoraOptions { Rank = 2, IsWeightDecomposed = true })) dora.SavePretrained(folder["dora"]);
        }
        Said(2, "--weights has 2 numbers, and there are 1 adapters; give one for each.", "--adapter", folder["a"], "--weights", "1", "2");
        Said(2, "--weights (much) must be numbers, such as 0.5.", "--adapter", folder["a"], "--weights", "much");
        Said(2, "is a Prompt, which is no change of weights and cannot be merged; keep it beside the model.", "--adapter", folder["prompt"]);
        Said(2, "must be 1: only low-rank updates can be weighed.", "--adapter", folder["ia3"], "--weights", "0.5");
        Said(2, "must be 1 where it has lengths of its own", "--adapter", folder["dora"], "--weights", "0.5");
        Said(2, "has lengths of its own (DoRA), which are those of its model; merge it alone.", "--adapter", folder["a"], folder["dora"]);
        Said(2, "as a whole, and a model can have one; merge them into two models.", "--adapter", folder["bias"], folder["bias2"]);
        Said(2, $"as a whole, and would undo what '{folder["ia3"]}' makes of it; name '{folder["bias"]}' first.", "--adapter", folder["ia3"], folder["bias"]);
        Assert.Equal(0, ToolRunner.Run("lora", "merge", "--model", folder["model"], "--output", folder["both"], "--adapter", folder["bias"], folder["ia3"]).ExitCode);
        Said(2, $"--adapter names {folder["a"]} twice; name it once, with what it counts in --weights.", "--adapter", folder["a"], folder["a"]);
        Said(3, "the folder does not exist; --adapter takes a folder", "--adapter", folder["nowhere"]);
        Said(3, "missing; the folder of an adapter holds adapter_config.json", "--adapter", folder["llama"]);
        ToolResult other = ToolRunner.Run("lora", "merge", "--model", folder["llama"], "--adapter", folder["a"], "--output", folder["merged"]);
        Assert.Equal(3, other.ExitCode);
        Assert.Contains("the adapter is for another one", other.Error);
        Assert.Equal(0, ToolRunner.Run("quantize", "--model", folder["model"], "--output", folder["quantized"]).ExitCode);
        ToolResult quantized = ToolRunner.Run("lora", "merge", "--model", folder["quantized"], "--adapter", folder["a"], "--output", folder["merged"]);
        Assert.Equal(2, quantized.ExitCode);
        Assert.Contains("A linear map of the model rounds its inputs (Int8Dynamic)", quantized.Error);
        Assert.False(Directory.Exists(folder["merged"]));

        void Said(int code, string message, params string[] options)
        {
            ToolResult result = ToolRunner.Run(["lora", "merge", "--model", folder["model"], "--output", folder["merged"], .. options]);
            Assert.Equal((code, ""), (result.ExitCode, result.Output));
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Merge_AdapterThatIsInTheModel_IsRefused()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        SaveAdapter(folder["model"], folder["run/model"], 5);
        Assert.Equal(0, Merge("model", "run", "run/merged").ExitCode);

        foreach (var (model, adapter) in new[] { ("run", "run"), ("run/merged", "run/model") })
        {
            ToolResult result = Merge(model, adapter, "twice");
            Assert.Equal((2, ""), (result.ExitCode, result.Output));
            Assert.Contains($"--model ({folder[model]}) has the adapter {folder["run/model"]} in its weights already; name the model that the adapter was trained on.", result.Error);
        }
        ToolResult there = Merge("model", "run", "run/merged");
        Assert.Equal(2, there.ExitCode);
        Assert.Contains("is there already; give --overwrite to replace it", there.Error);
        Assert.Equal(0, Merge("model", "run", "run/merged", "--overwrite").ExitCode);

        ToolResult Merge(string model, string adapter, string output, params string[] more) => ToolRunner.Run(["lora", "merge", "--model", folder[model], "--adapter", folder[adapter], "--output", folder[output], .. more]);
    }

    [Fact]
    public void Tool_RunThatIsNotFinished_SaysHowToGoOn()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        SaveAdapter(folder["model"], folder["run/model"], 5);
        folder.Write("run/checkpoints/step-1/state.json", "{}");
        folder.Write("other/checkpoints/step-1/state.json", "{}");
        foreach (string run in new[] { "run", "other" })
        {
            ToolResult result = ToolRunner.Run("generate", "--model", folder[run], "--prompt", "The");
            Assert.Equal(3, result.ExitCode);
            Assert.Contains("the run in it is not finished, and has no whole model yet; go on with it by the command that began it, with --resume.", result.Error);
        }
    }

    [Fact]
    public void Merge_AdapterWithATokenizerATemplateAndAPooling_TakesThem()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        folder.Write("model/chat_template.jinja", "the model's");
        folder.Write("model/README.md", "the model's");
        SaveAdapter(folder["model"], folder["a"], 5);
        File.Copy(folder["model/tokenizer.json"], folder["a/tokenizer.json"]);
        folder.Write("a/tokenizer_config.json", """{"chat_template": "the adapter's", "model_max_length": 7}""");
        folder.Write("a/modules.json", """[{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}, {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}]""");
        folder.Write("a/1_Pooling/config.json", """{"pooling_mode_lasttoken": true}""");

        ToolResult result = ToolRunner.Run("lora", "merge", "--model", folder["model"], "--adapter", folder["a"], "--output", folder["merged"]);

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Equal("the adapter's", PreTrain.Tokenization.Chat.ChatTemplate.ReadSource(folder["merged"]));
        Assert.Contains("\"model_max_length\": 7", File.ReadAllText(folder["merged/tokenizer_config.json"]));
        Assert.Equal(PreTrain.Models.SentencePooling.Last, PreTrain.Models.SentenceEncoderOptions.FromFolder(folder["merged"])!.Pooling);
        Assert.Equal("the model's", File.ReadAllText(folder["merged/README.md"]));
        Assert.False(File.Exists(folder["merged/adapter_config.json"]));

        PreTrain.Tokenization.ByteLevelBpeTokenizer.Train([TinyModel.Text(50)], new() { VocabSize = 290 }, cancellation: TestContext.Current.CancellationToken).Save(folder["a"]);
        ToolResult larger = ToolRunner.Run("lora", "merge", "--model", folder["model"], "--adapter", folder["a"], "--output", folder["larger"]);
        Assert.Equal(0, larger.ExitCode);
        Assert.Contains($"Warning: the tokenizer of {folder["a"]} has 290 tokens and the model 283; the tokenizer and the chat template of --model are kept.", larger.Error);
        Assert.Equal(File.ReadAllText(folder["model/tokenizer.json"]), File.ReadAllText(folder["larger/tokenizer.json"]));
    }

    private static void SaveAdapter(string model, string folder, int seed)
    {
        using GptModel loaded = GptModel.FromPretrained(model);
        using var adapter = new LoraAdapter(loaded, new LoraOptions { Rank = 2, Alpha = 3 });
        using IDisposable mode = no_grad();
        using DisposeScope scope = NewDisposeScope();
        foreach (var (name, value) in loaded.named_parameters().Where(p => p.parameter.requires_grad)) value.copy_(Factor(seed, value.shape));
        adapter.SavePretrained(folder);
    }

    /// <summary>s·B·A of a weight, (O, I).</summary>
    private static Tensor Delta(int seed, Tensor weight) => 3.0 / 2 * matmul(Factor(seed, [weight.size(0), 2]).to(ScalarType.Float64), Factor(seed, [2, weight.size(1)]).to(ScalarType.Float64));

    private static Tensor Factor(int seed, long[] shape)
    {
        using var generator = new Generator((ulong)(seed * 1000 + shape[0] * 31 + shape[1]));
        return randn(shape, generator: generator) * 0.1;
    }
}

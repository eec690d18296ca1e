using System.Text.Json;
using PreTrain.Models;

namespace PreTrain.Cli.Tests.Commands;

public class ExportCommandTests
{
    [Theory]
    [InlineData("f32", "F32")]
    [InlineData("f16", "F16")]
    [InlineData("q4_k_m", "F16")]   // rows of 15 are of no whole blocks
    public void Gguf_Type_IsThatOfTheMatrices(string type, string stored)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);

        ToolResult result = ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", folder["new/a.gguf"], "--type", type, "--json");

        Assert.Equal(["output", "architecture", "tokenizer", "tensors", "bytes"], result.Keys());
        Assert.Equal(new FileInfo(folder["new/a.gguf"]).Length, result.Json().GetProperty("bytes").GetInt64());
        ToolResult shown = ToolRunner.Run("inspect", folder["new/a.gguf"], "--json");
        Assert.Equal(("gguf", "gpt2"), (shown.Json().GetProperty("format").GetString(), shown.Json().GetProperty("modelType").GetString()));
        Assert.Equal("gpt-2", shown.Json().GetProperty("metadata").GetProperty("tokenizer.ggml.pre").GetString());
        Assert.Equal(stored, shown.Json().GetProperty("tensors").EnumerateArray().Single(tensor => tensor.GetProperty("name").GetString() == "blk.1.attn_qkv.weight").GetProperty("dtype").GetString());
        Assert.Contains("general.architecture = gpt2", ToolRunner.Run("inspect", folder["new/a.gguf"]).Output);
    }

    [Fact]
    public void Gguf_ChatTemplate_GoesWithTheTokenizer()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        const string template = "{% a_tag_of_others %}{{ messages }}";   // it need not be one that is known here
        File.WriteAllText(folder["model/chat_template.jinja"], template);
        foreach (bool hasTokenizer in new[] { true, false })
        {
            Assert.Equal(0, ToolRunner.Run(["export", "gguf", "--model", folder["model"], "--output", folder["a.gguf"], "--overwrite", .. hasTokenizer ? [] : new[] { "--no-tokenizer" }]).ExitCode);
            JsonElement metadata = ToolRunner.Run("inspect", folder["a.gguf"], "--json").Json().GetProperty("metadata");
            Assert.Equal(hasTokenizer ? template : null, metadata.TryGetProperty("tokenizer.chat_template", out JsonElement value) ? value.GetString() : null);
        }
    }

    [Fact]
    public void Gguf_Tokenizer_IsRefusedOrLeftOut()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveLlama(folder["model"]);
        ToolResult refused = ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", folder["a.gguf"]);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("lacks '<0x00>'", refused.Error);
        Assert.Equal("none", ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", folder["a.gguf"], "--no-tokenizer", "--json").Json().GetProperty("tokenizer").GetString());
    }

    [Theory]
    [InlineData(ModelHead.MaskedLanguageModel, null, "logits")]
    [InlineData(ModelHead.QuestionAnswering, null, "start_logits,end_logits")]
    [InlineData(ModelHead.SequenceClassification, "classify", "logits")]
    [InlineData(ModelHead.SequenceClassification, "none", "last_hidden_state,pooler_output")]
    public void Onnx_Bert_HasItsOutputs(ModelHead head, string? asked, string outputs)
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["model"], head);
        ToolResult result = ToolRunner.Run(["export", "onnx", "--model", folder["model"], "--output", folder["a.onnx"], "--quantize", "int8-weights", "--opset", "20", "--json", .. asked is null ? [] : new[] { "--head", asked }]);
        Assert.Equal(["output", "files", "inputs", "outputs", "bytes"], result.Keys());
        Assert.Equal(outputs, string.Join(',', result.Json().GetProperty("outputs").EnumerateArray().Select(name => name.GetString())));
        Assert.Equal(["input_ids", "attention_mask", "token_type_ids"], result.Json().GetProperty("inputs").EnumerateArray().Select(name => name.GetString()));
    }

    [Fact]
    public void Export_OutputThatIsThere_IsReplacedOnRequest()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string file = folder.Write("a.gguf", "mine");
        foreach (string format in new[] { "gguf", "onnx" })
        {
            ToolResult result = ToolRunner.Run("export", format, "--model", folder["model"], "--output", file);
            Assert.Equal(2, result.ExitCode);
            Assert.Contains($"--output ({file}) is there already; give --overwrite to replace it, or another name.", result.Error);
            Assert.Equal("mine", File.ReadAllText(file));
        }
        Assert.Equal(0, ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", file, "--overwrite").ExitCode);
        Assert.True(new FileInfo(file).Length > 1000);
        Assert.Contains("is a folder; it must be a file", ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", folder["model"]).Error);
    }

    [Theory]
    [InlineData(new[] { "gguf", "--type", "q3_k" }, 2, "--type (q3_k) must be f32, f16, q8_0, q4_0 or q4_k_m.")]
    [InlineData(new[] { "onnx", "--quantize", "int4" }, 2, "--quantize (int4) must be int8 or int8-weights.")]
    [InlineData(new[] { "onnx", "--opset", "16" }, 2, "--opset (16) must be from 17 to 21.")]
    [InlineData(new[] { "gguf", "--model", "nowhere" }, 3, "the folder does not exist")]
    public void Export_WrongOptions_SayWhy(string[] options, int code, string message)
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        string[] model = options.Contains("--model") ? [] : ["--model", folder["model"]];
        ToolResult result = ToolRunner.Run(["export", .. options, .. model, "--output", folder["a.out"]]);
        Assert.Equal(code, result.ExitCode);
        Assert.Contains(message, result.Error);
        Assert.False(File.Exists(folder["a.out"]));
    }

    [Fact]
    public void Export_HeadThatTheFolderLacks_IsRefused()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.SaveLlama(folder["llama"], ModelHead.SequenceClassification);

        ToolResult random = Export("onnx", "bert", "--head", "classify"), dropped = Export("gguf", "llama"), bare = Export("onnx", "bert", "--head", "none");

        Assert.Equal((3, ""), (random.ExitCode, random.Output));
        Assert.Contains("it is missing, so that the model has no trained head. Fine-tune it first", random.Error);
        Assert.Equal((2, ""), (dropped.ExitCode, dropped.Output));
        Assert.Contains("holds a llama with the head SequenceClassification, which GGUF has no place for", dropped.Error);
        Assert.Equal(0, bare.ExitCode);
        Assert.StartsWith("warning: The folder lacks pooler.dense.", bare.Error);

        ToolResult Export(string format, string model, params string[] more) => ToolRunner.Run(["export", format, "--model", folder[model], "--output", folder[$"{model}-{more.Length}.out"], .. more]);
    }

    [Fact]
    public void Export_OutputBelowAFile_EndsWith2()
    {
        using var folder = new TemporaryFolder();
        TinyModel.Save(folder["model"]);
        ToolResult result = ToolRunner.Run("export", "gguf", "--model", folder["model"], "--output", Path.Combine(folder.Write("text.txt", "text"), "x"));
        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"cannot be in '{folder["text.txt"]}', which is a file; take another folder.", result.Error);
    }

    [Fact]
    public void Export_OtherModels_NamesThoseThatCan()
    {
        using var folder = new TemporaryFolder();
        TinyModel.SaveBert(folder["bert"]);
        TinyModel.Save(folder["gpt"]);
        ToolRunner.Run("quantize", "--model", folder["gpt"], "--output", folder["int8"]);
        foreach (var (arguments, message) in new (string[], string)[]
        {
            (["gguf", "--model", folder["bert"]], $"--model ({folder["bert"]}) holds a bert model, which cannot be exported as GGUF; gpt2, llama, mistral, qwen2 or qwen3 can."),
            (["gguf", "--model", folder["int8"]], "is quantized, and an export takes whole weights and rounds them itself; export the model that it was made from."),
            (["onnx", "--model", folder["int8"]], "is quantized, and an export takes whole weights"),
            (["onnx", "--model", folder["bert"], "--past"], "--past goes with a model that predicts the next token"),
        })
        {
            ToolResult result = ToolRunner.Run(["export", .. arguments, "--output", folder["a.out"]]);
            Assert.Equal(2, result.ExitCode);
            Assert.Contains(message, result.Error);
        }
    }
}

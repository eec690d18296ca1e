using System.Text.Json;
using PreTrain.Models.Gpt;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Cli.Tests.Commands;

public class FinetuneChatCommandTests
{
    private static readonly string[] s_small = ["--steps", "3", "--batch", "2", "--device", "cpu", "--report", "none"];

    /// <summary>A model that reads 96 tokens, and conversations.</summary>
    private static void Prepare(TemporaryFolder folder)
    {
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Train([TinyModel.Text(50)], new() { VocabSize = 283 });
        using var model = new GptModel(new() { VocabSize = tokenizer.VocabSize, ContextLength = 96, LayerCount = 1, HeadCount = 2, EmbeddingDim = 16 });
        model.SavePretrained(folder["model"]);
        tokenizer.Save(folder["model"]);
        folder.Write("chat.jsonl", string.Concat(Enumerable.Range(0, 20).Select(i => $"{{\"messages\": [{{\"role\": \"user\", \"content\": \"What is {i}?\"}}, {{\"role\": \"assistant\", \"content\": \"A number.\"}}]}}\n")));
    }

    private static ToolResult Chat(TemporaryFolder folder, params string[] more) =>
        ToolRunner.Run(["finetune", "chat", "--model", folder["model"], "--data", folder["chat.jsonl"], "--output", folder["run"], .. s_small, .. more]);

    [Theory]
    [InlineData("none")]
    [InlineData("best-fit")]
    public void Chat_Conversations_TunesAModelThatKeepsItsTemplate(string pack)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        ToolResult result = Chat(folder, "--json", "--pack", pack, "--system", "Be brief.", "--template", "zephyr", "--validation-fraction", "0.2");
        Assert.Equal(3, result.Json().GetProperty("steps").GetInt32());
        Assert.Contains("A gpt2 model, 20 conversations, of which 4 are held out.", result.Error, StringComparison.Ordinal);
        Assert.Equal(ChatTemplate.Zephyr, File.ReadAllText(folder["run/model/chat_template.jinja"]));
        JsonElement run = JsonDocument.Parse(File.ReadAllText(folder["run/run.json"])).RootElement;
        Assert.Equal(("finetune chat", folder["model"], 5e-5), (run.GetProperty("command").GetString(), run.GetProperty("model").GetProperty("model").GetString(), run.GetProperty("optimizer").GetProperty("learning-rate").GetDouble()));
        Assert.Equal("zephyr", run.GetProperty("task").GetProperty("template").GetString());

        // The tuned model's own template is taken now, and the run can be called by its file.
        ToolResult again = ToolRunner.Run(["finetune", "chat", "--config", folder["run/run.json"], "--output", folder["again"], "--json"]);
        Assert.Equal(result.Json().GetProperty("validationLoss").GetDouble(), again.Json().GetProperty("validationLoss").GetDouble());
        ToolResult further = ToolRunner.Run(["finetune", "chat", "--model", folder["run"], "--data", folder["chat.jsonl"], "--output", folder["further"], .. s_small]);
        Assert.True(further.ExitCode == 0, further.Error);
        Assert.Equal(ChatTemplate.Zephyr, File.ReadAllText(folder["further/model/chat_template.jinja"]));
    }

    [Theory]
    [InlineData("lora --lora-rank 2", "merged")]
    [InlineData("lora --lora-rank 2 --lora-start gradient", "merged")]
    [InlineData("prefix --adapter-size 5", "base")]
    public void Chat_Adapter_LeavesAModelThatAnswersAsTrained(string adapter, string whole)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        string[] options = ["--adapter", .. adapter.Split(' '), "--template", "zephyr", "--learning-rate", "0.05"];
        ToolResult result = Chat(folder, [.. options, "--json"]);
        Assert.Equal(3, result.Json().GetProperty("steps").GetInt32());
        Assert.True(File.Exists(folder["run/model/adapter_model.safetensors"]));
        Assert.Equal(ChatTemplate.Zephyr, File.ReadAllText(folder[$"run/{whole}/chat_template.jinja"]));
        string ids = "5,1,2", adapted = Logits("run");
        Assert.NotEqual(Logits("model"), adapted);
        if (whole == "base") Assert.Equal(Logits("model"), Logits("run/base"));
        Assert.Equal(0, ToolRunner.Run("generate", "--model", folder["run"], "--prompt", "What is 3?", "--max-new-tokens", "4").ExitCode);

        // The run goes on where it stopped, and ends with the same.
        Run("again", "2");
        Run("again", "4", "--resume");
        Run("run", "4", "--overwrite");
        Assert.Equal(Logits("run"), Logits("again"));

        void Run(string output, string steps, params string[] more)
        {
            ToolResult end = ToolRunner.Run(["finetune", "chat", "--model", folder["model"], "--data", folder["chat.jsonl"], "--output", folder[output], "--steps", steps, "--batch", "2", "--schedule", "constant", "--warmup-steps", "0", .. options, .. more]);
            Assert.True(end.ExitCode == 0, end.Error);
        }

        string Logits(string model) => ToolRunner.Run("logits", "--model", folder[model], "--ids", ids, "--json").Json().GetProperty("logits").GetRawText();
    }

    [Fact]
    public void Chat_ConversationsThatDoNotFit_AreCountedAndOnesThatTheModelBeginsAreNoSample()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        string[] lines =
        [
            """{"messages": [{"role": "assistant", "content": "Hi."}]}""", """{"messages": [{"role": "assistant", "content": "Ho."}]}""",
            $$"""{"messages": [{"role": "user", "content": "{{new string('x', 300)}}"}, {"role": "assistant", "content": "No."}]}""",
            $$"""{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "{{new string('x', 300)}}"}]}""",
        ];
        folder.Write("chat.jsonl", string.Join('\n', lines));

        ToolResult result = Tune();

        Assert.True(result.ExitCode == 0, result.Error);
        Assert.Contains("A conversation is longer than a row, and what lies behind it is cut off.", result.Error);
        Assert.Contains("A conversation is left out: no answer begins within a row.", result.Error);
        folder.Write("chat.jsonl", string.Join('\n', lines[..2]));
        ToolResult alone = Tune("--overwrite");
        Assert.True(alone.ExitCode == 0, alone.Error);
        Assert.DoesNotContain("longer than a row", alone.Error);

        ToolResult Tune(params string[] more) => ToolRunner.Run(
            ["finetune", "chat", "--model", folder["model"], "--data", folder["chat.jsonl"], "--output", folder["run"], "--steps", "2", "--batch", "2", "--report", "html", "--validation-fraction", "0", "--template", "plain", .. more]);
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("seq2seq")]
    public void Finetune_CancelledBeforeTheFirstStep_LeavesNoTemplate(string task)
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        string data = task == "chat" ? folder["chat.jsonl"] : folder.Write("pairs.jsonl", string.Concat(Enumerable.Range(0, 20).Select(i => $"{{\"source\": \"What is {i}?\", \"target\": \"A number.\"}}\n")));
        string[] arguments = ["finetune", task, "--model", folder["model"], "--data", data, "--output", folder["run"], .. s_small];

        ToolResult fresh = CancellingWriter.Run(CancellingWriter.BeforeTheFirstStep, [.. arguments, "--template", "zephyr"]);

        Assert.True(fresh.ExitCode == 130, fresh.Error);
        Assert.False(Directory.Exists(folder["run/model"]));
        ToolResult whole = ToolRunner.Run([.. arguments, "--template", "zephyr"]);
        Assert.True(whole.ExitCode == 0, whole.Error);
        Assert.Equal(130, CancellingWriter.Run(CancellingWriter.BeforeTheFirstStep, [.. arguments, "--template", "plain", "--overwrite"]).ExitCode);
        Assert.Equal(ChatTemplate.Zephyr, File.ReadAllText(folder["run/model/chat_template.jinja"]));
    }

    [Fact]
    public void Chat_WrongInput_SaysWhatAndWhere()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        folder.Write("bad.jinja", "\n{% include 'x' %}");
        Said(3, "bad.jinja, line 2, column 4: The tag 'include' is not known here", "--template", folder["bad.jinja"]);
        Said(3, "There is no such file.", "--template", folder["none.jinja"]);
        Said(2, "--context (200) must be at least 1 and at most the model's (96)", "--context", "200");
        Said(3, "does an answer begin within the first 3 tokens", "--context", "3");
        ToolResult same = ToolRunner.Run(["finetune", "chat", "--model", folder["model"], "--data", folder["chat.jsonl"], "--output", folder["model"], .. s_small]);
        Assert.Equal(2, same.ExitCode);
        Assert.Contains("holds the model that is read", same.Error, StringComparison.Ordinal);
        ToolResult above = ToolRunner.Run(["finetune", "chat", "--model", folder["model/"], "--data", folder["chat.jsonl"], "--output", Path.GetDirectoryName(folder["model"])!, "--overwrite", .. s_small]);
        Assert.Equal(2, above.ExitCode);
        Assert.True(File.Exists(folder["model/model.safetensors"]));
        folder.Write("chat.jsonl", "{\"messages\": []}\n");
        Said(3, "Line 1 of the file", "--template", "plain");
        Said(2, $"the tokenizer in '{folder["model"]}' lacks <|im_start|> and <|im_end|>. Take zephyr", "--template", "chatml");
        TinyModel.SaveBert(folder["model"]);
        folder.Write("chat.jsonl", "{\"prompt\": \"a\", \"completion\": \"b\"}\n");
        Said(2, "predicts no next token");

        void Said(int code, string message, params string[] options)
        {
            ToolResult result = Chat(folder, options);
            Assert.Equal(code, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
        }
    }
}

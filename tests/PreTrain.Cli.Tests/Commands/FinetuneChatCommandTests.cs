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

    [Fact]
    public void Chat_WrongInput_SaysWhatAndWhere()
    {
        using var folder = new TemporaryFolder();
        Prepare(folder);
        folder.Write("bad.jinja", "\n{% include 'x' %}");
        Said(3, "bad.jinja, line 2, column 4: The tag 'include' is not known here", "--template", folder["bad.jinja"]);
        Said(3, "There is no such file.", "--template", folder["none.jinja"]);
        Said(2, "ContextLength (200) must be at least 1 and at most the model's (96)", "--context", "200");
        Said(3, "does an answer begin within the first 3 tokens", "--context", "3");
        ToolResult same = ToolRunner.Run(["finetune", "chat", "--model", folder["model"], "--data", folder["chat.jsonl"], "--output", folder["model"], .. s_small]);
        Assert.Equal(2, same.ExitCode);
        Assert.Contains("holds the model that is read", same.Error, StringComparison.Ordinal);
        ToolResult above = ToolRunner.Run(["finetune", "chat", "--model", folder["model/"], "--data", folder["chat.jsonl"], "--output", Path.GetDirectoryName(folder["model"])!, "--overwrite", .. s_small]);
        Assert.Equal(2, above.ExitCode);
        Assert.True(File.Exists(folder["model/model.safetensors"]));
        folder.Write("chat.jsonl", "{\"messages\": []}\n");
        Said(3, "Line 1 of the file", "--template", "chatml");
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

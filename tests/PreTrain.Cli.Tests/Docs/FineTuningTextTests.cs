using PreTrain.Data;
using PreTrain.Evaluation;
using PreTrain.Generation;
using PreTrain.Models;
using PreTrain.Models.Gpt;
using PreTrain.Objectives;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;
using PreTrain.Training;

namespace PreTrain.Cli.Tests.Docs;

/// <summary>What docs/fine-tuning-text.md says.</summary>
public class FineTuningTextTests
{
    private const string Page = "docs/fine-tuning-text.md";

    private static readonly string s_conversations =
        string.Concat(Enumerable.Range(0, 20).Select(i => $"{{\"messages\": [{{\"role\": \"user\", \"content\": \"{i}?\"}}, {{\"role\": \"assistant\", \"content\": \"Yes.\"}}]}}\n"));

    [Fact]
    [Trait("Speed", "Slow")]
    public void Commands_OfThePage_Run()
    {
        using var folder = new TemporaryFolder();
        string[] lines = [.. TinyModel.Text(60).Split('\n', StringSplitOptions.RemoveEmptyEntries).Distinct()];
        folder.Write("text.txt", TinyModel.Text(300));
        folder.Write("chat.jsonl", s_conversations);
        folder.Write("pairs.tsv", "source\ttarget\n" + string.Concat(lines.Select(line => $"{line}\t{line.Split(' ')[^1]}\n")));
        folder.Write("scored.csv", "anchor,positive,score\n" + string.Concat(lines.Select((line, i) => $"{line},{lines[(i + 1) % lines.Length]},0.{i % 10}\n")));
        IReadOnlyList<(string Command, ToolResult Result)> runs = DocumentedCommands.Run(Page, folder.Path, ("--data sdk-docs", "text.txt"), ("--context", "64"));
        Assert.Equal(16, runs.Count);
        Assert.True(File.Exists(folder["runs/lora/merged/chat_template.jinja"]));
        Assert.True(File.Exists(folder["runs/small-layers/base/config.json"]));
        Assert.True(File.Exists(folder["runs/assistant/model/chat_template.jinja"]));
        Assert.True(File.Exists(folder["runs/search/model/1_Pooling/config.json"]));
        Assert.All(runs.Where(run => run.Command.StartsWith("pretrain evaluate", StringComparison.Ordinal)), run => Assert.NotEqual("", run.Result.Output));
    }

    [Fact]
    public void Code_OfThePage_TalksAndSearches()
    {
        using var folder = new TemporaryFolder();
        folder.Write("chat.jsonl", s_conversations);
        ByteLevelBpeTokenizer bytes = ByteLevelBpeTokenizer.Train([TinyModel.Text(50)], new() { VocabSize = 283 }, cancellation: TestContext.Current.CancellationToken);
        using (var gpt = new GptModel(new() { VocabSize = bytes.VocabSize, ContextLength = 96, LayerCount = 1, HeadCount = 2, EmbeddingDim = 16 }))
            gpt.SavePretrained(folder["runs/base/model"]);
        bytes.Save(folder["runs/base/model"]);
        TinyModel.SaveBert(folder["runs/search/model"]);
        Repository.In(folder.Path, () =>
        {
            Assert.NotNull(Talk());
            Assert.InRange(Search(), 0, 1);
        });
        Assert.Equal(ChatTemplate.Zephyr, File.ReadAllText(folder["runs/assistant/model/chat_template.jinja"]));
    }

    [Fact]
    public void Code_OfThePage_IsTheCodeThatIsTested()
    {
        string[] code = File.ReadAllLines(Path.Combine(Repository.Root, "tests/PreTrain.Cli.Tests/Docs/FineTuningTextTests.cs"));
        var tested = new List<string>();
        for (int at = 0; (at = Array.FindIndex(code, at, line => line.Trim() == "// begin")) >= 0;)
        {
            int end = Array.FindIndex(code, at, line => line.Trim() == "// end");
            tested.Add(string.Concat(code[(at + 1)..end].Select(line => line.Trim() + "\n")));
            at = end;
        }
        Assert.Equal(Repository.CodeBlocks(Page, "csharp").Select(block => block.Replace("Steps = 500,", "Steps = 3,", StringComparison.Ordinal)), tested);
    }

    private static string Talk()
    {
        // begin
        using var model = GptModel.FromPretrained("runs/base/model");
        TextTokenizer tokenizer = TextTokenizer.Load("runs/base/model");
        ChatTemplate template = ChatTemplate.FromFolder("runs/base/model", tokenizer) ?? new(ChatTemplate.Zephyr, tokenizer);
        var conversations = Conversations.FromFiles(new() { SystemText = "Be brief." }, "chat.jsonl");
        var options = new TrainingOptions { Output = "runs/assistant", Steps = 3, LearningRate = 5e-5, Tokenizer = tokenizer };
        new Trainer(options).Run(model, new ChatTuning(conversations, tokenizer, template, new() { Packs = true }));
        template.Save("runs/assistant/model");
        string prompt = template.Render([new(ChatMessage.User, "3?")], addGenerationPrompt: true);
        string answer = model.Generate(tokenizer, prompt, new GenerationOptions { Temperature = 0 }.ForChat(template))[prompt.Length..];
        // end
        return answer;
    }

    private static int Search()
    {
        // begin
        using SentenceEncoder encoder = SentenceEncoder.FromPretrained("runs/search/model");
        TextTokenizer tokenizer = TextTokenizer.Load("runs/search/model");
        string[] texts = ["Removes all white space.", "Reads a line of characters."];
        var index = new EmbeddingIndex(encoder.Embed(tokenizer, texts));
        SearchHit best = index.Search(encoder.Embed(tokenizer, ["trim a string"])[0], count: 1)[0];
        // end
        return best.Index;
    }
}

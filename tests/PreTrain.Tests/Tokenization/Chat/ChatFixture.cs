using System.Text.Json;
using System.Text.Json.Nodes;
using PreTrain.Tokenization;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Tests.Tokenization.Chat;

/// <summary>Templates of models, and what transformers wrote with them; see <c>fixtures/make_fixtures.py</c>. And a tokenizer with the tokens that they name.</summary>
internal static class ChatFixture
{
    internal static JsonDocument Json { get; } = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Tokenization", "Chat", "fixtures", "chat-templates.json")));

    /// <summary>Bytes and <c>&lt;s&gt;</c>, <c>&lt;/s&gt;</c>, <c>&lt;|im_start|&gt;</c>, <c>&lt;|im_end|&gt;</c>.</summary>
    internal static TextTokenizer Tokenizer { get; } = MakeTokenizer();

    internal static string Template(string name) => Json.RootElement.GetProperty("templates").GetProperty(name).GetString()!;

    internal static ChatMessage[] Conversation(string title) =>
        [.. Json.RootElement.GetProperty("conversations").GetProperty(title).EnumerateArray().Select(m => new ChatMessage(m.GetProperty("role").GetString()!, m.GetProperty("content").GetString()!))];

    private static TextTokenizer MakeTokenizer()
    {
        using var folder = new Checkpoints.TemporaryFolder();
        ByteLevelBpeTokenizer.Train(["a b c"], new() { VocabSize = 260, SpecialTokens = ["<s>", "</s>", "<|im_start|>", "<|im_end|>"] }).Save(folder["t"]);
        string path = Path.Combine(folder["t"], "tokenizer_config.json");
        JsonObject config = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        config["bos_token"] = "<s>";
        config["eos_token"] = "</s>";
        File.WriteAllText(path, config.ToJsonString());
        return TextTokenizer.Load(folder["t"]);
    }
}

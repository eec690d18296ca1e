using PreTrain.Data;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Tests.Data;

public sealed class ConversationsTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void FromFiles_BothKindsOfLines_AreRead()
    {
        string path = folder.Write("c.jsonl", """
            {"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho", "tool_calls": []}], "id": 4, "tools": null}

            {"prompt": "One?", "completion": "Two."}
            {"messages": [{"role": "system", "content": "S"}, {"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]}
            """);
        Conversations read = Conversations.FromFiles(new() { SystemText = "Be kind." }, path);
        Assert.Equal(3, read.Count);
        Assert.Equal([new("system", "Be kind."), new("user", "Hi"), new("assistant", "Ho")], read.Examples[0].Messages);
        Assert.Equal([new("system", "Be kind."), new("user", "One?"), new("assistant", "Two.")], read.Examples[1].Messages);
        Assert.Equal([new("system", "S"), new("user", "A"), new("assistant", "B")], read.Examples[2].Messages);
        Assert.NotEqual(read.Fingerprint, Conversations.FromFiles(new(), path).Fingerprint);
    }

    [Fact]
    public void FromFiles_OtherNames_AreThose()
    {
        string path = folder.Write("c.jsonl", """{"turns": [{"from": "user", "value": "Hi"}, {"from": "assistant", "value": "Ho"}]}""");
        Conversations read = Conversations.FromFiles(new() { MessagesField = "turns", RoleField = "from", ContentField = "value" }, path);
        Assert.Equal([new("user", "Hi"), new ChatMessage("assistant", "Ho")], Assert.Single(read.Examples).Messages);
    }

    [Theory]
    [InlineData("[]", "it holds [], and an object is expected. Write {\"messages\": […]} on each line")]
    [InlineData("{\"text\": \"x\"}", "it has neither a member \"messages\" nor \"prompt\"")]
    [InlineData("{\"messages\": \"x\"}", "its member \"messages\" is \"x\", and a list of messages is expected")]
    [InlineData("{\"messages\": [3]}", "in message 1 of \"messages\", 3 is no object")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": null}]}", "in message 1 of \"messages\", its member \"content\" is null, and a text is expected")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"x\"}]}", "none of its messages has the role assistant")]
    [InlineData("{\"prompt\": \"x\"}", "it has no member \"completion\"")]
    [InlineData("{\"prompt\": \"x\", \"completion\": \" \"}", "its member \"completion\" is empty")]
    [InlineData("{\"prompt\": ", "it is no JSON")]
    [InlineData("{\"tools\": [{\"name\": \"f\"}], \"prompt\": \"a\", \"completion\": \"b\"}", "its member \"tools\" (")]
    [InlineData("{\"messages\": [{\"role\": \"user\", \"content\": \"a\"}, {\"role\": \"assistant\", \"content\": \"b\", \"tool_calls\": [{\"id\": 1}]}]}", "in message 2 of \"messages\", its member \"tool_calls\" (")]
    [InlineData("{\"messages\": [{\"role\": \"assistant\", \"content\": null, \"function_call\": {\"name\": \"f\"}}]}", "in message 1 of \"messages\", its member \"function_call\" (")]
    public void FromFiles_BrokenLine_IsNamed(string line, string expected)
    {
        string path = folder.Write("c.jsonl", $"{{\"prompt\": \"a\", \"completion\": \"b\"}}\n{line}\n");
        var fault = Assert.Throws<CorpusException>(() => Conversations.FromFiles(new(), path));
        Assert.Equal((path, 2L), (fault.File, fault.Line));
        Assert.Contains(expected, fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Split_Groups_AreHeldOutTogetherAndAlwaysTheSame()
    {
        var all = new Conversations([.. Enumerable.Range(0, 60).Select(i => new Conversation { Messages = [new("user", $"q{i}"), new("assistant", $"a{i}")], Group = $"g{i / 4}" })]);
        var (train, held) = all.Split(0.2);
        Assert.Equal((48, 12), (train.Count, held!.Count));
        Assert.Empty(train.Examples.Select(e => e.Group).Intersect(held.Examples.Select(e => e.Group)));
        Assert.Equal(held.Fingerprint, all.Split(0.2).Validation!.Fingerprint);
        Assert.Null(all.Split(0).Validation);
        Assert.Throws<CorpusException>(() => new Conversations([.. all.Examples.Take(4)]).Split(0.5));
        Assert.Throws<ArgumentOutOfRangeException>(() => all.Split(1));
    }

    [Fact]
    public void New_WithoutAnAnswer_IsRefused()
    {
        Assert.Contains("Conversation 0 has no message of the role assistant", Assert.Throws<ArgumentException>(() => new Conversations([new Conversation { Messages = [new("user", "x")] }])).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new Conversations([]));
        Assert.Contains("must be different", Assert.Throws<ArgumentException>(() => Conversations.FromFiles(new() { RoleField = "content" }, "x")).Message, StringComparison.Ordinal);
    }
}

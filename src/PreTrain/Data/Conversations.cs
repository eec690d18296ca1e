using System.Text.Json;
using PreTrain.Tokenization.Chat;

namespace PreTrain.Data;

/// <summary>Conversations to tune a model on.</summary>
public sealed class Conversations
{
    private readonly Lazy<string> _fingerprint;

    /// <summary>Takes conversations that a program has.</summary>
    /// <param name="examples">The conversations, at least one.</param>
    /// <exception cref="ArgumentException">There are none, or one holds no message of the model's.</exception>
    public Conversations(IReadOnlyList<Conversation> examples)
    {
        ArgumentNullException.ThrowIfNull(examples);
        if (examples.Count == 0) throw new ArgumentException("There must be at least one conversation.", nameof(examples));
        for (int i = 0; i < examples.Count; i++)
        {
            if (!examples[i].Messages.Any(message => message.Role == ChatMessage.Assistant))
                throw new ArgumentException($"Conversation {i} has no message of the role {ChatMessage.Assistant}, so there is nothing to learn from it.", nameof(examples));
        }
        Examples = examples;
        _fingerprint = new(Hash);
    }

    /// <summary>The conversations in order.</summary>
    public IReadOnlyList<Conversation> Examples { get; }

    /// <summary>How many there are.</summary>
    public int Count => Examples.Count;

    /// <summary>SHA-256 of all messages, in hexadecimal digits.</summary>
    public string Fingerprint => _fingerprint.Value;

    /// <summary>Reads JSON lines, plain or compressed: <c>{"messages": [{"role": …, "content": …}, …]}</c> or <c>{"prompt": …, "completion": …}</c> on each. Tools and calls of tools are no texts, and refused.</summary>
    /// <param name="options">Which members hold what.</param>
    /// <param name="filesOrGlobs">Files and patterns, as <see cref="TextCorpus.FromFiles(string[])"/> takes them.</param>
    /// <exception cref="ArgumentException">No file was given, or an option is out of range.</exception>
    /// <exception cref="CorpusException">A file is missing, empty or damaged, or a line is no conversation.</exception>
    public static Conversations FromFiles(ConversationOptions options, params string[] filesOrGlobs)
    {
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        return new(ExampleFiles.Read(filesOrGlobs, file => JsonLinesReader.ReadLines(file, line => Parse(line, options), replaceInvalid: false), "conversation"));
    }

    /// <summary>Each pair as a question and its answer.</summary>
    /// <param name="pairs">The pairs.</param>
    /// <param name="systemText">What comes first; null for nothing.</param>
    public static Conversations FromPairs(TextPairs pairs, string? systemText = null)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return new([.. pairs.Examples.Select(pair => new Conversation { Messages = Opening(systemText, [new(ChatMessage.User, pair.Source), new(ChatMessage.Assistant, pair.Target)]), Group = pair.Group })]);
    }

    /// <summary>Holds conversations out, always the same.</summary>
    /// <param name="validationFraction">The share that is held out, from 0 to below 1; 0 for none.</param>
    /// <returns>What is left to learn from, and what is held out, null where nothing is.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The share is out of range.</exception>
    /// <exception cref="CorpusException">Nothing would be left to learn from.</exception>
    public (Conversations Train, Conversations? Validation) Split(double validationFraction)
    {
        var (train, held) = HeldOut.Split(Examples, example => example.Group, validationFraction, "conversations");
        return held.Count == 0 ? (this, null) : (new(train), new(held));
    }

    private string Hash()
    {
        using var hash = new ContentHash();
        foreach (Conversation example in Examples)
        {
            hash.Add(example.Messages.Count);
            foreach (var (role, content) in example.Messages)
            {
                hash.Add(role);
                hash.Add(content);
            }
        }
        return hash.Finish();
    }

    private static (Conversation? Value, string? Fault) Parse(ReadOnlySpan<byte> line, ConversationOptions options)
    {
        if (JsonMembers.Object(line, $"{{\"{options.MessagesField}\": […]}}", out string? fault) is not { } root) return (null, fault);
        if (Unknown(root, "tools", "functions") is { } tools) return (null, tools);
        var messages = new List<ChatMessage>();
        if (root.TryGetProperty(options.MessagesField, out JsonElement list))
        {
            if (list.ValueKind != JsonValueKind.Array) return (null, $"its member \"{options.MessagesField}\" is {JsonMembers.Short(list)}, and a list of messages is expected");
            foreach (JsonElement item in list.EnumerateArray())
            {
                string place = $"in message {messages.Count + 1} of \"{options.MessagesField}\", ";
                if (item.ValueKind != JsonValueKind.Object) return (null, $"{place}{JsonMembers.Short(item)} is no object");
                if (Unknown(item, "tool_calls", "function_call") is { } calls) return (null, place + calls);
                if (JsonMembers.Text(item, options.RoleField, out fault) is not { } role || JsonMembers.Text(item, options.ContentField, out fault) is not { } content) return (null, place + fault);
                messages.Add(new(role, content));
            }
            if (messages.TrueForAll(message => message.Role != ChatMessage.Assistant)) return (null, $"none of its messages has the role {ChatMessage.Assistant}, so there is nothing to learn from it");
        }
        else
        {
            if (!root.TryGetProperty(options.PromptField, out _)) return (null, $"it has neither a member \"{options.MessagesField}\" nor \"{options.PromptField}\"");
            if (JsonMembers.Text(root, options.PromptField, out fault) is not { } prompt || JsonMembers.Text(root, options.CompletionField, out fault) is not { } completion) return (null, fault);
            messages = [new(ChatMessage.User, prompt), new(ChatMessage.Assistant, completion)];
        }
        return (new Conversation { Messages = Opening(options.SystemText, messages) }, null);
    }

    /// <summary>What a member says that a model would be shown, and that is no text of a message.</summary>
    private static string? Unknown(JsonElement json, params string[] names)
    {
        foreach (string name in names)
        {
            if (json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null && !(value.ValueKind == JsonValueKind.Array && value.GetArrayLength() == 0))
                return $"its member \"{name}\" ({JsonMembers.Short(value)}) is not known, and would not be learned: conversations are of texts alone. Leave out such lines, or write as text what the model is to read and say";
        }
        return null;
    }

    private static IReadOnlyList<ChatMessage> Opening(string? systemText, List<ChatMessage> messages) =>
        systemText is null || messages[0].Role == ChatMessage.System ? messages : [new(ChatMessage.System, systemText), .. messages];
}

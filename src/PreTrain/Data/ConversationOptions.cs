namespace PreTrain.Data;

/// <summary>How files of conversations are read.</summary>
public sealed record ConversationOptions
{
    /// <summary>The member of a JSON line that lists the messages.</summary>
    /// <value>The default is "messages".</value>
    public string MessagesField { get; init; } = "messages";

    /// <summary>The member of a message that says whose words they are.</summary>
    /// <value>The default is "role".</value>
    public string RoleField { get; init; } = "role";

    /// <summary>The member of a message that holds the words.</summary>
    /// <value>The default is "content".</value>
    public string ContentField { get; init; } = "content";

    /// <summary>Of a line without messages, the member that holds what the user says.</summary>
    /// <value>The default is "prompt".</value>
    public string PromptField { get; init; } = "prompt";

    /// <summary>Of a line without messages, the member that holds what the model answers.</summary>
    /// <value>The default is "completion".</value>
    public string CompletionField { get; init; } = "completion";

    /// <summary>What comes first in a conversation without a message of the system; null for nothing.</summary>
    /// <value>The default is null.</value>
    public string? SystemText { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">A field has no name, or two have the same; the message lists all faults.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (new[] { MessagesField, RoleField, ContentField, PromptField, CompletionField }.Any(string.IsNullOrEmpty)) faults.Add("MessagesField, RoleField, ContentField, PromptField and CompletionField must not be empty.");
        if (RoleField == ContentField) faults.Add($"RoleField and ContentField ({RoleField}) must be different.");
        if (new[] { MessagesField, PromptField, CompletionField }.Distinct().Count() < 3) faults.Add($"MessagesField, PromptField and CompletionField ({MessagesField}, {PromptField}, {CompletionField}) must be different.");
        if (SystemText is not null && string.IsNullOrWhiteSpace(SystemText)) faults.Add("SystemText must not be empty; leave it null for none.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

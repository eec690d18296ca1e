using PreTrain.Tokenization.Chat;

namespace PreTrain.Data;

/// <summary>A conversation with what a model should have said.</summary>
public sealed record Conversation
{
    /// <summary>What was said, in order; at least one message is the model's.</summary>
    public required IReadOnlyList<ChatMessage> Messages { get; init; }

    /// <summary>Where the conversation comes from; what comes from one place is never held out in part. Null where each stands for itself.</summary>
    /// <value>The default is null.</value>
    public string? Group { get; init; }
}

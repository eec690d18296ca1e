namespace PreTrain.Tokenization.Chat;

/// <summary>What one side of a conversation said.</summary>
/// <param name="Role">Whose words they are, as the model's template calls them: <see cref="System"/>, <see cref="User"/>, <see cref="Assistant"/>, or one more.</param>
/// <param name="Content">The words.</param>
public sealed record ChatMessage(string Role, string Content)
{
    /// <summary>Who says what holds for the whole conversation.</summary>
    public const string System = "system";

    /// <summary>Who talks to the model.</summary>
    public const string User = "user";

    /// <summary>The model.</summary>
    public const string Assistant = "assistant";
}

namespace PreTrain.Tokenization.Chat;

/// <summary>A conversation in tokens.</summary>
/// <param name="Ids">The tokens.</param>
/// <param name="IsAnswer">Of each token whether the model is to say it.</param>
public sealed record ChatTokens(IReadOnlyList<int> Ids, IReadOnlyList<bool> IsAnswer);

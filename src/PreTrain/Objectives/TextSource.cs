using PreTrain.Data;

namespace PreTrain.Objectives;

/// <summary>A token store that is mixed with others.</summary>
/// <param name="Tokens">The tokens; they stay the caller's to dispose.</param>
/// <param name="Weight">Its share of the contexts that are drawn; the weights of a text sum to 1.</param>
public sealed record TextSource(TokenStore Tokens, double Weight);

namespace PreTrain.Tokenization;

/// <summary>The part of a text that a token stands for.</summary>
/// <param name="Start">Where it begins.</param>
/// <param name="End">Where it ends, exclusive.</param>
public readonly record struct TokenSpan(int Start, int End);

namespace PreTrain.Tokenization;

/// <summary>How far the training of a tokenizer is.</summary>
/// <param name="Stage">What is being done.</param>
/// <param name="Done">How much of it is done: characters read, merges found, or candidates left out.</param>
/// <param name="Total">How much there is; <see langword="null"/> while the corpus is being read, whose length is not known.</param>
public readonly record struct TokenizerTrainingProgress(TokenizerTrainingStage Stage, long Done, long? Total);

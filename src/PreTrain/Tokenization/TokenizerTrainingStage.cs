namespace PreTrain.Tokenization;

/// <summary>What the training of a tokenizer is doing.</summary>
public enum TokenizerTrainingStage
{
    /// <summary>Reading the corpus and counting its words.</summary>
    CountingWords,

    /// <summary>Finding merges.</summary>
    Merging,

    /// <summary>Leaving out candidates for tokens.</summary>
    Pruning,
}

namespace PreTrain.Cli.Commands;

/// <summary>What <c>pretrain tokenizer train</c> can train.</summary>
internal enum TokenizerAlgorithm
{
    ByteBpe,
    Bpe,
    WordPiece,
    Unigram,
    WordLevel,
}

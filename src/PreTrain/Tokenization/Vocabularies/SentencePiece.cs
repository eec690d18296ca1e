namespace PreTrain.Tokenization.Vocabularies;

/// <summary>A piece of a SentencePiece model; its place in the list is its id.</summary>
/// <param name="Text">The piece.</param>
/// <param name="Score">Its score: the logarithm of a probability, or for BPE less the later it was merged.</param>
/// <param name="Kind">What it is for.</param>
internal readonly record struct SentencePiece(string Text, float Score, SentencePieceKind Kind);

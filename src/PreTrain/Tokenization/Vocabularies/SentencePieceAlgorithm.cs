namespace PreTrain.Tokenization.Vocabularies;

/// <summary>How a SentencePiece model cuts; the values are those of its file.</summary>
internal enum SentencePieceAlgorithm
{
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Character = 4,
}

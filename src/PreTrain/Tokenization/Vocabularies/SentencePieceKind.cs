namespace PreTrain.Tokenization.Vocabularies;

/// <summary>What a piece of a SentencePiece model is for; the values are those of its file.</summary>
internal enum SentencePieceKind
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

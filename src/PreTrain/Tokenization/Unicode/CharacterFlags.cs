namespace PreTrain.Tokenization.Unicode;

/// <summary>What Hugging Face's tokenizers take a character for; the numbers are those of <c>unicode.txt</c>.</summary>
[Flags]
internal enum CharacterFlags : byte
{
    None = 0,

    /// <summary>White space, in the property of that name.</summary>
    Space = 1,

    /// <summary>A digit or another number.</summary>
    Numeric = 2,

    /// <summary>Punctuation, the symbols of ASCII among it.</summary>
    Punctuation = 4,

    /// <summary>A word character, <c>\w</c>.</summary>
    Word = 8,

    /// <summary>A mark of any kind.</summary>
    Mark = 0x10,

    /// <summary>Removed by BERT's cleaning: controls, format characters, private use, U+FFFD.</summary>
    Unclean = 0x20,

    /// <summary>A non-spacing mark: what BERT takes for an accent.</summary>
    NonSpacingMark = 0x40,
}

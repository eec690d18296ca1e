namespace PreTrain.Tokenization.PreTokenizers;

/// <summary>What becomes of the matches at which a text is cut; the names are those of <c>tokenizer.json</c>.</summary>
internal enum SplitBehavior
{
    /// <summary>They go.</summary>
    Removed,

    /// <summary>Each is a piece.</summary>
    Isolated,

    /// <summary>Each is the end of the piece before.</summary>
    MergedWithPrevious,

    /// <summary>Each is the beginning of the piece after.</summary>
    MergedWithNext,

    /// <summary>Neighbouring matches are one piece.</summary>
    Contiguous,
}

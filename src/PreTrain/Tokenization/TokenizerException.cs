namespace PreTrain.Tokenization;

/// <summary>A tokenizer file cannot be used. The message names the file, the place and what is wrong there.</summary>
public sealed class TokenizerException : Exception
{
    /// <summary>Creates the exception for a fault at a known place.</summary>
    /// <param name="file">The path of the file.</param>
    /// <param name="line">The line, from 1; <see langword="null"/> if the fault has no place.</param>
    /// <param name="column">The byte within the line, from 1; <see langword="null"/> if the fault is that of the whole line.</param>
    /// <param name="fault">What is wrong, as a sentence.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public TokenizerException(string file, long? line, long? column, string fault, Exception? innerException = null)
        : base(Place(file, line, column) + fault, innerException)
    {
        File = file;
        Line = line;
        Column = column;
    }

    /// <summary>Creates the exception for a fault of the whole file.</summary>
    /// <param name="file">The path of the file.</param>
    /// <param name="fault">What is wrong, as a sentence.</param>
    /// <param name="innerException">What was caught, if anything.</param>
    public TokenizerException(string file, string fault, Exception? innerException = null)
        : this(file, null, null, fault, innerException)
    {
    }

    /// <summary>The path of the file.</summary>
    public string File { get; }

    /// <summary>The line of the fault, from 1.</summary>
    public long? Line { get; }

    /// <summary>The byte of the fault within its line, from 1.</summary>
    public long? Column { get; }

    private static string Place(string file, long? line, long? column) => (line, column) switch
    {
        (null, _) => $"{file}: ",
        (_, null) => $"{file}, line {line}: ",
        _ => $"{file}, line {line}, column {column}: ",
    };
}

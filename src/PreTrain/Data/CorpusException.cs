namespace PreTrain.Data;

/// <summary>
/// Raised when text or tokens on disk cannot be used: a missing, empty, unreadable, truncated or corrupt file, or text that is too short.
/// The message names the file, the fault with its place, and the remedy.
/// </summary>
public sealed class CorpusException : Exception
{
    /// <summary>Creates an exception that concerns no single file.</summary>
    /// <param name="message">What is wrong, and what to do about it.</param>
    public CorpusException(string message) : base(message)
    {
    }

    /// <summary>Creates an exception about one file or folder.</summary>
    /// <param name="message">What is wrong, and what to do about it.</param>
    /// <param name="file">The file or folder that is at fault.</param>
    /// <param name="innerException">The error that revealed the fault.</param>
    public CorpusException(string message, string? file, Exception? innerException = null) : base(message, innerException) => File = file;

    /// <summary>Creates an exception about one place in a file.</summary>
    /// <param name="message">What is wrong, and what to do about it.</param>
    /// <param name="file">The file that is at fault.</param>
    /// <param name="byteOffset">The place of the fault, in bytes from the file's start.</param>
    public CorpusException(string message, string file, long byteOffset) : base(message)
    {
        File = file;
        ByteOffset = byteOffset;
    }

    internal CorpusException(string message, string file, long line, Exception? innerException) : base(message, innerException)
    {
        File = file;
        Line = line;
    }

    /// <summary>The line of <see cref="File"/> that is at fault, from 1, where it is known. In a compressed file it is a line of its content.</summary>
    public long? Line { get; }

    /// <summary>The file or folder that is at fault, where there is one.</summary>
    public string? File { get; }

    /// <summary>The place of the fault in <see cref="File"/>, in bytes from its start, where it is known.</summary>
    public long? ByteOffset { get; }
}

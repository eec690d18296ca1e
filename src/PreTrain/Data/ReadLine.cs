namespace PreTrain.Data;

/// <summary>What a line or row of a file holds, or why it could not be read.</summary>
/// <param name="Line">Its number, from 1.</param>
/// <param name="Value">What it holds; null where there is a fault.</param>
/// <param name="Fault">What is wrong.</param>
internal readonly record struct ReadLine<T>(long Line, T? Value, CorpusException? Fault) where T : class;

/// <summary>The fault of a line.</summary>
internal static class ReadLine
{
    public static CorpusException Broken(SourceFile file, long line, string fault, Exception? cause) => new($"Line {line} of the file '{file.Path}' is broken: {fault}.", file.Path, line, cause);
}

namespace PreTrain.Data;

/// <summary>Reads the examples of files, one on each line or in each row.</summary>
internal static class ExampleFiles
{
    /// <summary>Reads all.</summary>
    /// <exception cref="CorpusException">A file is missing, empty or damaged, a line is broken, or there is no example.</exception>
    public static List<T> Read<T>(string[] filesOrGlobs, Func<SourceFile, IEnumerable<ReadLine<T>>> lines, string what) where T : class
    {
        IReadOnlyList<string> files = FileSelection.Resolve(filesOrGlobs);
        var read = new List<T>();
        foreach (string path in files)
        {
            using var file = new SourceFile(path);
            foreach (var (_, example, fault) in lines(file))
            {
                if (fault is not null)
                {
                    file.CheckUnchanged();
                    throw fault;
                }
                read.Add(example!);
            }
            file.CheckUnchanged();
        }
        return read.Count > 0 ? read : throw new CorpusException($"The file '{files[0]}' holds no {what}.", files[0]);
    }

    /// <summary>What a file holds.</summary>
    /// <exception cref="CorpusException">Its name does not say, and no format is given.</exception>
    public static CorpusFormat FormatOf(SourceFile file, CorpusFormat given, string what)
    {
        CorpusFormat format = given == CorpusFormat.Auto ? CorpusFiles.FormatOf(file.Path) : given;
        return format is CorpusFormat.JsonLines or CorpusFormat.Csv ? format
            : throw new CorpusException($"The name of '{file.Path}' does not say that it holds {what}; it must end in .jsonl, .ndjson, .csv or .tsv. Set Format otherwise.", file.Path);
    }
}

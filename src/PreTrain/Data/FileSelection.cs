using Microsoft.Extensions.FileSystemGlobbing;

namespace PreTrain.Data;

/// <summary>Turns files and glob patterns into a sorted list of files that exist and are not empty.</summary>
internal static class FileSelection
{
    private static readonly char[] Separators = [Path.DirectorySeparatorChar, Path.AltDirectorySeparatorChar];

    /// <summary>Full paths in ordinal order, each once.</summary>
    public static IReadOnlyList<string> Resolve(string[] filesOrGlobs)
    {
        ArgumentNullException.ThrowIfNull(filesOrGlobs);
        if (filesOrGlobs.Length == 0)
            throw new ArgumentException("No file was given; pass at least one file or pattern, such as \"docs/**/*.txt\".", nameof(filesOrGlobs));
        var files = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var entry in filesOrGlobs)
        {
            if (string.IsNullOrWhiteSpace(entry))
                throw new ArgumentException($"'{entry}' is not a file name; pass a file or a pattern, such as \"docs/**/*.txt\".", nameof(filesOrGlobs));
            if (File.Exists(entry))
                files.Add(Path.GetFullPath(entry));
            else if (entry.Contains('*'))
                files.UnionWith(Match(entry));
            else
                throw Missing(entry);
        }
        foreach (var file in files)
            RequireContent(file);
        return [.. files];
    }

    private static CorpusException Missing(string entry)
    {
        if (Directory.Exists(entry))
        {
            return new CorpusException(
                $"'{entry}' is a folder, and a corpus is made of files. To read the text files below it, pass '{Path.Combine(entry, "**", "*.txt")}'.", entry);
        }
        var remedy = entry.IndexOfAny(['?', '[', '{']) >= 0
            ? "Patterns may hold * (within a folder) and ** (across folders) only."
            : $"Check the name; relative names start at '{Directory.GetCurrentDirectory()}'.";
        return new CorpusException($"The file '{entry}' does not exist. {remedy}", entry);
    }

    private static List<string> Match(string pattern)
    {
        // The part before the first wildcard is a folder, taken literally; the matcher sees the rest only.
        var firstWildcard = pattern.IndexOf('*');
        var cut = pattern.LastIndexOfAny(Separators, firstWildcard);
        var root = Path.GetFullPath(cut < 0 ? "." : pattern[..(cut + 1)]);
        if (!Directory.Exists(root))
            throw new CorpusException($"The pattern '{pattern}' matches no file: the folder '{root}' does not exist. Check the pattern.", pattern);
        try
        {
            var matcher = new Matcher(OperatingSystem.IsWindows() ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);
            matcher.AddInclude(pattern[(cut + 1)..].Replace('\\', '/'));
            List<string> files = [.. matcher.GetResultsInFullPath(root).Select(Path.GetFullPath)];
            return files.Count > 0 ? files : throw new CorpusException(
                $"The pattern '{pattern}' matches no file below '{root}'. Check it: * matches within a folder, ** across folders.", pattern);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The folder '{root}' cannot be searched for '{pattern}': {e.Message} Check its permissions.", pattern, e);
        }
    }

    private static void RequireContent(string file)
    {
        long length;
        try
        {
            using var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            length = stream.CanSeek ? stream.Length : 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Utf8File.Unreadable(file, e);
        }
        if (length == 0)
            throw Utf8File.Empty(file);
    }
}

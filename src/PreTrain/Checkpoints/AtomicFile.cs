namespace PreTrain.Checkpoints;

/// <summary>
/// Replaces files so that a reader finds the old content or the new one and never a mixture, also after a crash, a power cut or with a full disk:
/// the new content is written beside, flushed to the disk, and renamed.
/// </summary>
/// <remarks>
/// The file beside is named <c>.NAME.partial</c> and locked while it is written. One that a crash left over is replaced by the next write of the same
/// name, or removed by <see cref="RemoveLeftovers"/>.
/// </remarks>
public static class AtomicFile
{
    internal const string PartialSuffix = ".partial";

    /// <summary>Keeps other writers out. Windows also has to be told that the open file may be renamed.</summary>
    internal static readonly FileShare Exclusive = OperatingSystem.IsWindows() ? FileShare.Delete : FileShare.None;

    /// <summary>Writes a file.</summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="write">Writes the content. If it throws, the old file stays, and nothing is left beside it.</param>
    /// <exception cref="IOException">The content cannot be written, for example because the disk is full, or another writer is at work on the same file.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(write);
        path = Path.GetFullPath(path);
        if (Directory.Exists(path))
            throw new IOException($"The file '{path}' cannot be written: a folder has this name.");
        var folder = Path.GetDirectoryName(path) ?? throw new ArgumentException($"'{path}' is no path of a file.", nameof(path));
        var partial = PartialOf(path);

        // The stream stays open, and with it the lock, until the file has its name.
        using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write, Exclusive, bufferSize: 1 << 16))
        {
            try
            {
                write(stream);
                stream.Flush(flushToDisk: true);
                File.Move(partial, path, overwrite: true);
            }
            catch
            {
                Discard(stream, partial);
                throw;
            }
        }
        DurableStorage.FlushFolder(folder);
    }

    /// <summary>Writes a file from bytes.</summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="content">The whole content.</param>
    /// <exception cref="IOException">The content cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static void WriteAllBytes(string path, ReadOnlySpan<byte> content)
    {
        var copy = content.ToArray();
        Write(path, stream => stream.Write(copy));
    }

    /// <summary>Writes a file from text, as UTF-8 without a byte-order mark.</summary>
    /// <param name="path">The file to create or replace. Its folder must exist.</param>
    /// <param name="content">The whole content.</param>
    /// <exception cref="IOException">The content cannot be written.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public static void WriteAllText(string path, string content) => WriteAllBytes(path, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>Removes what interrupted writes left in a folder. Files that are being written now are left alone.</summary>
    /// <param name="folder">The folder; its subfolders are not searched.</param>
    /// <returns>The paths that were removed.</returns>
    public static IReadOnlyList<string> RemoveLeftovers(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        var removed = new List<string>();
        if (!Directory.Exists(folder))
            return removed;
        foreach (var path in Directory.EnumerateFiles(folder, ".*" + PartialSuffix))
        {
            try
            {
                using var stream = new FileStream(path, FileMode.Open, FileAccess.Write, Exclusive, bufferSize: 0);
                File.Delete(path);
                removed.Add(path);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // Somebody writes it now, or it went away meanwhile: it is no leftover.
            }
        }
        return removed;
    }

    internal static string PartialOf(string path) =>
        Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}{PartialSuffix}");

    private static void Discard(FileStream stream, string partial)
    {
        try
        {
            File.Delete(partial);
            stream.Dispose();   // tries to write what is still in its buffer, and may fail for the same reason as the write before
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The error that led here tells more than this one.
        }
    }
}

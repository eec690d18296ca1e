namespace PreTrain.Checkpoints;

/// <summary>
/// Creates and replaces whole folders so that a reader finds the old one or the new one and never a half: the new one is filled beside, flushed to the
/// disk, and renamed.
/// </summary>
/// <remarks>
/// <para>The folder beside is named <c>.NAME.partial</c>, and the file <c>.NAME.partial.lock</c> is locked while it is filled. Where the file system cannot
/// exchange two folders in one step, the old one is called <c>.NAME.replaced</c> for a moment. <see cref="Recover"/> removes or
/// restores what a crash left of them.</para>
/// </remarks>
public static class AtomicFolder
{
    private const string LockSuffix = ".lock";
    private const string ReplacedSuffix = ".replaced";

    /// <summary>Creates or replaces a folder.</summary>
    /// <param name="path">The folder. The one above it must exist.</param>
    /// <param name="fill">Receives the path of an empty folder and writes the files into it. If it throws, the old folder stays, and nothing is left beside it.</param>
    /// <exception cref="IOException">The folder cannot be written, for example because the disk is full, or another writer is at work on the same folder.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder above may not be written to.</exception>
    public static void Write(string path, Action<string> fill)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(fill);
        path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (File.Exists(path))
            throw new IOException($"The folder '{path}' cannot be written: a file has this name.");
        var parent = Path.GetDirectoryName(path) ?? throw new ArgumentException($"'{path}' cannot be replaced: it is the root.", nameof(path));
        var partial = AtomicFile.PartialOf(path);
        var lockPath = partial + LockSuffix;
        using var held = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.Write, AtomicFile.Exclusive, bufferSize: 0);
        try
        {
            Restore(path);
            DeleteIfThere(partial);
            Directory.CreateDirectory(partial);
            fill(partial);
            FlushTree(partial);
            Replace(path, partial);
            DurableStorage.FlushFolder(parent);
            DeleteIfThere(partial);   // after an exchange it is the old folder
        }
        catch
        {
            TryDelete(partial);
            throw;
        }
        finally
        {
            TryDelete(lockPath);
        }
    }

    /// <summary>
    /// Cleans up after a crash: removes half-written folders and files, and puts an old folder back whose replacement did not arrive. What is
    /// being written now is left alone.
    /// </summary>
    /// <param name="parent">The folder that holds those written with <see cref="Write"/> and <see cref="AtomicFile"/>.</param>
    /// <returns>The paths that were removed or restored.</returns>
    /// <exception cref="IOException">A leftover cannot be removed.</exception>
    public static IReadOnlyList<string> Recover(string parent)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(parent);
        if (!Directory.Exists(parent))
            return [];
        var touched = new List<string>();
        foreach (var path in Directory.GetDirectories(parent, ".*" + ReplacedSuffix))
        {
            var name = Path.GetFileName(path)[1..^ReplacedSuffix.Length];
            Exclusively(Path.Combine(parent, name), target =>
            {
                Restore(target);
                touched.Add(path);
            });
        }
        foreach (var path in Directory.GetDirectories(parent, ".*" + AtomicFile.PartialSuffix))
        {
            var name = Path.GetFileName(path)[1..^AtomicFile.PartialSuffix.Length];
            Exclusively(Path.Combine(parent, name), _ =>
            {
                DeleteIfThere(path);
                touched.Add(path);
            });
        }
        foreach (var path in Directory.GetFiles(parent, ".*" + AtomicFile.PartialSuffix + LockSuffix))
        {
            var name = Path.GetFileName(path)[1..^(AtomicFile.PartialSuffix.Length + LockSuffix.Length)];
            Exclusively(Path.Combine(parent, name), _ => touched.Add(path));
        }
        touched.AddRange(AtomicFile.RemoveLeftovers(parent));
        return touched;
    }

    /// <summary>Runs an action unless a writer holds the folder's lock; removes the lock's file afterwards.</summary>
    private static void Exclusively(string path, Action<string> action)
    {
        var lockPath = AtomicFile.PartialOf(path) + LockSuffix;
        FileStream held;
        try
        {
            held = new FileStream(lockPath, FileMode.OpenOrCreate, FileAccess.Write, AtomicFile.Exclusive, bufferSize: 0);
        }
        catch (IOException)
        {
            return;
        }
        using (held)
        {
            action(path);
            TryDelete(lockPath);
        }
    }

    private static void Replace(string path, string partial)
    {
        if (!Directory.Exists(path))
        {
            Directory.Move(partial, path);
            return;
        }
        if (DurableStorage.TryExchange(partial, path))
            return;
        var replaced = ReplacedOf(path);
        Directory.Move(path, replaced);
        try
        {
            Directory.Move(partial, path);
        }
        catch
        {
            Directory.Move(replaced, path);
            throw;
        }
        Directory.Delete(replaced, recursive: true);
    }

    /// <summary>Ends a replacement that a crash interrupted between its two renames.</summary>
    private static void Restore(string path)
    {
        var replaced = ReplacedOf(path);
        if (!Directory.Exists(replaced))
            return;
        if (Directory.Exists(path))
            Directory.Delete(replaced, recursive: true);
        else
            Directory.Move(replaced, path);
    }

    private static string ReplacedOf(string path) => Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}{ReplacedSuffix}");

    private static void FlushTree(string folder)
    {
        foreach (var file in Directory.EnumerateFiles(folder))
            DurableStorage.FlushFile(file);
        foreach (var inner in Directory.EnumerateDirectories(folder))
            FlushTree(inner);
        DurableStorage.FlushFolder(folder);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
            Directory.Delete(folder, recursive: true);
    }

    private static void TryDelete(string path)
    {
        try
        {
            if (Directory.Exists(path))
                Directory.Delete(path, recursive: true);
            else
                File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It is a leftover now, which Recover removes. The error that led here, if any, tells more than this one.
        }
    }
}

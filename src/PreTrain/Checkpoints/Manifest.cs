using System.Globalization;
using System.Text.Json;

namespace PreTrain.Checkpoints;

/// <summary>
/// The list of a folder's files with their lengths and checksums (CRC-32C), kept in the folder as <c>manifest.json</c>, so that a truncated or altered file
/// is recognised and named.
/// </summary>
public sealed class Manifest
{
    /// <summary>The name of the manifest in its folder.</summary>
    public const string FileName = "manifest.json";

    private const int Version = 1;
    private const int MaxFileBytes = 1 << 26;
    private readonly SortedDictionary<string, Item> items = new(StringComparer.Ordinal);

    private Manifest()
    {
    }

    /// <summary>The files, as paths relative to the folder, with <c>/</c> between the parts.</summary>
    public IReadOnlyCollection<string> Files => items.Keys;

    /// <summary>Reads all files of a folder, those of its subfolders too, and computes their checksums.</summary>
    /// <param name="folder">The folder. A manifest in it is left out.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>The manifest, not yet saved.</returns>
    /// <exception cref="CheckpointException">A file cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The reading was cancelled.</exception>
    public static Manifest Create(string folder, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        var manifest = new Manifest();
        try
        {
            foreach (var path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                var name = Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/');
                if (name != FileName)
                    manifest.items.Add(name, Compute(path, cancellationToken));
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(folder, e);
        }
        return manifest;
    }

    /// <summary>Reads the manifest of a folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The manifest.</returns>
    /// <exception cref="CheckpointException">It is missing, unreadable or damaged.</exception>
    public static Manifest Load(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        var path = Path.Combine(folder, FileName);
        try
        {
            if (new FileInfo(path).Length > MaxFileBytes)
                throw new CheckpointException(path, $"the manifest has more than {MaxFileBytes} bytes. It is damaged.");
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(path, document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or KeyNotFoundException or OverflowException)
        {
            throw new CheckpointException(path, $"the manifest is damaged: {e.Message}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw CheckpointException.Unreadable(path, e);
        }
    }

    /// <summary>Writes the manifest into a folder, atomically.</summary>
    /// <param name="folder">The folder whose files it lists.</param>
    /// <exception cref="IOException">The manifest cannot be written, for example because the disk is full.</exception>
    public void Save(string folder)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);
        AtomicFile.Write(Path.Combine(folder, FileName), stream =>
        {
            using var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = true });
            json.WriteStartObject();
            json.WriteNumber("version", Version);
            json.WriteStartArray("files");
            foreach (var (name, item) in items)
            {
                json.WriteStartObject();
                json.WriteString("path", name);
                json.WriteNumber("bytes", item.Bytes);
                json.WriteString("crc32c", item.Checksum.ToString("x8", CultureInfo.InvariantCulture));
                json.WriteEndObject();
            }
            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Compares the files of a folder with the list. Files that are not in it are not looked at.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="CheckpointException">A file is missing, has another length, or has other content; the exception names the first such file.</exception>
    /// <exception cref="OperationCanceledException">The reading was cancelled.</exception>
    public void Verify(string folder, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(folder);

        // Lengths first: they cost nothing and find most faults.
        foreach (var (name, item) in items)
        {
            var path = Path.Combine(folder, name);
            var file = new FileInfo(path);
            if (!file.Exists)
                throw new CheckpointException(path, $"the file is missing; the manifest lists it with {item.Bytes} bytes.");
            if (file.Length != item.Bytes)
            {
                throw new CheckpointException(path,
                    $"the file has {file.Length} bytes, and the manifest says {item.Bytes}: it is {(file.Length < item.Bytes ? "truncated" : "damaged")}.");
            }
        }
        foreach (var (name, item) in items)
        {
            var path = Path.Combine(folder, name);
            Item actual;
            try
            {
                actual = Compute(path, cancellationToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw CheckpointException.Unreadable(path, e);
            }
            if (actual != item)
                throw new CheckpointException(path, $"the file is damaged: its CRC-32C is {actual.Checksum:x8}, and the manifest says {item.Checksum:x8}.");
        }
    }

    private static Manifest Parse(string path, JsonElement root)
    {
        var version = root.GetProperty("version").GetInt32();
        if (version != Version)
            throw new CheckpointException(path, $"the manifest has the version {version}; this program knows version {Version}.");
        var manifest = new Manifest();
        foreach (var entry in root.GetProperty("files").EnumerateArray())
        {
            var name = entry.GetProperty("path").GetString() ?? "";
            if (name.Length == 0 || name.Contains('\\') || name.Contains('\0') || name.Split('/').Any(part => part is "" or "." or ".."))
                throw new CheckpointException(path, $"the manifest lists '{name}', which is no path inside its folder.");
            var bytes = entry.GetProperty("bytes").GetInt64();
            var checksum = uint.Parse(entry.GetProperty("crc32c").GetString() ?? "", NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (!manifest.items.TryAdd(name, new Item(bytes, checksum)))
                throw new CheckpointException(path, $"the manifest lists '{name}' twice.");
        }
        return manifest;
    }

    private static Item Compute(string path, CancellationToken cancellationToken)
    {
        using var handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, FileOptions.SequentialScan);
        var crc = new Crc32C();
        var buffer = new byte[1 << 18];   // fits the second-level cache
        long total = 0;
        for (int read; (read = RandomAccess.Read(handle, buffer, total)) > 0; total += read)
        {
            cancellationToken.ThrowIfCancellationRequested();
            crc.Append(buffer.AsSpan(0, read));
        }
        return new Item(total, crc.Value);
    }

    private readonly record struct Item(long Bytes, uint Checksum);
}

namespace PreTrain.Data;

/// <summary>One file of a corpus, opened for one reading from its start to its end; decompressed where it is compressed.</summary>
internal sealed class SourceFile : IDisposable
{
    private readonly FileStream stream;
    private readonly Decompression? decompression;
    private readonly (long Length, DateTime Written) before;

    public SourceFile(string path)
    {
        Path = path;
        try
        {
            before = State();
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, 1 << 16, FileOptions.SequentialScan);
            if (CompressionEnding(path) == ".br")
                decompression = new BrotliDecompression(stream);
            else if (StartsLikeGzip())
                decompression = new GzipDecompression(stream);
        }
        catch (FileNotFoundException e)
        {
            throw new CorpusException($"The file '{path}' does not exist, or not any more. Check its name, and do not change a corpus while it is read.", path, e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            stream?.Dispose();
            throw Utf8File.Unreadable(path, e);
        }
    }

    public string Path { get; }

    /// <summary>".gz" or ".br", or null.</summary>
    public static string? CompressionEnding(string path) =>
        path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? ".gz" : path.EndsWith(".br", StringComparison.OrdinalIgnoreCase) ? ".br" : null;

    /// <summary>Reads on; 0 at the end.</summary>
    public int Read(Span<byte> buffer)
    {
        try
        {
            return decompression is null ? stream.Read(buffer) : decompression.Read(buffer);
        }
        catch (InvalidDataException e)
        {
            CheckUnchanged();
            throw new CorpusException($"The compressed file '{Path}' is damaged or cut off: {e.Message} Make or copy it again.", Path, e);
        }
        catch (IOException e)
        {
            throw Utf8File.Unreadable(Path, e);
        }
    }

    /// <summary>The content as a stream whose faults are those of <see cref="Read"/>.</summary>
    public Stream OpenContent() => new Content(this);

    public string ReadAllText(bool replaceInvalid)
    {
        using var memory = new MemoryStream(decompression is not null ? 0 : (int)Math.Min(before.Length, Array.MaxLength));
        var buffer = new byte[1 << 16];
        for (int read; (read = Read(buffer)) > 0;)
        {
            if (memory.Length + read > Array.MaxLength)
                throw new CorpusException($"The file '{Path}' is longer than one document may be ({Array.MaxLength} bytes). Split it, or use JSON lines.", Path);
            memory.Write(buffer, 0, read);
        }
        CheckUnchanged();
        return Utf8File.Decode(Path, memory.GetBuffer().AsSpan(0, (int)memory.Length), replaceInvalid);
    }

    /// <summary>Throws if the file is not as it was when it was opened.</summary>
    public void CheckUnchanged()
    {
        (long Length, DateTime Written) now;
        try
        {
            now = State();
        }
        catch (FileNotFoundException e)
        {
            throw Gone(e);
        }
        // A pipe has no length.
        if (before.Length > 0 && now != before)
        {
            throw new CorpusException(
                $"The file '{Path}' was changed while it was read{(now.Length < before.Length ? $": it shrank from {before.Length} to {now.Length} bytes" : "")}. "
                + "Do not change a corpus while it is read; read it again when it is whole.", Path);
        }
    }

    public void Dispose()
    {
        decompression?.Dispose();
        stream.Dispose();
    }

    private CorpusException Gone(Exception e) => new($"The file '{Path}' does not exist any more. Do not change a corpus while it is read.", Path, e);

    private (long Length, DateTime Written) State()
    {
        var info = new FileInfo(Path);
        return (info.Length, info.LastWriteTimeUtc);
    }

    private bool StartsLikeGzip()
    {
        if (!stream.CanSeek)
            return CompressionEnding(Path) == ".gz";
        Span<byte> first = stackalloc byte[2];
        var read = stream.ReadAtLeast(first, 2, throwOnEndOfStream: false);
        stream.Position = 0;
        return read == 2 && first is [0x1F, 0x8B];
    }

    private sealed class Content(SourceFile file) : ReadOnlyStream
    {
        public override int Read(Span<byte> buffer) => file.Read(buffer);
    }
}

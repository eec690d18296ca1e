namespace PreTrain.Data.Images;

/// <summary>Reads an image of any format that is known, by the first bytes of its file.</summary>
internal static class ImageFile
{
    /// <summary>The most pixels of an image: a broken header must not ask for more memory than any image needs.</summary>
    private const long MaxPixels = 1 << 28;

    /// <summary>The bytes that tell the formats apart.</summary>
    private const int SignatureLength = 8;

    /// <summary>Reads a file.</summary>
    /// <exception cref="CorpusException">It cannot be read, is of no known format, or is damaged.</exception>
    internal static RasterImage Read(string file)
    {
        byte[] bytes = Bytes(file, path => File.ReadAllBytes(path));
        Require(file, bytes);
        return PngReader.IsPng(bytes) ? PngReader.Read(file, bytes) : NetpbmReader.Read(file, bytes);
    }

    /// <summary>Looks at a file's first bytes.</summary>
    /// <exception cref="CorpusException">It cannot be read, or is of no known format.</exception>
    internal static void Require(string file) => Require(file, Bytes(file, path =>
    {
        using FileStream stream = File.OpenRead(path);
        byte[] first = new byte[SignatureLength];
        return first[..stream.ReadAtLeast(first, SignatureLength, throwOnEndOfStream: false)];
    }));

    /// <summary>Requires sizes that an image can have.</summary>
    internal static void RequireSize(string file, long width, long height)
    {
        if (width < 1 || height < 1 || width > MaxPixels || height > MaxPixels || width * height > MaxPixels)
            throw new CorpusException($"The image '{file}' has {width} × {height} pixels; it must have at least one and at most {MaxPixels}. Remove it.", file);
    }

    /// <summary>What is wrong with a damaged file.</summary>
    internal static CorpusException Damaged(string file, string fault, Exception? inner = null) => new($"The image '{file}' is damaged: {fault} Restore it, or remove it.", file, inner);

    private static void Require(string file, ReadOnlySpan<byte> bytes)
    {
        if (bytes.IsEmpty) throw new CorpusException($"The file '{file}' is empty; it must be an image. Remove it.", file);
        if (!PngReader.IsPng(bytes) && !NetpbmReader.IsNetpbm(bytes))
        {
            throw new CorpusException($"The file '{file}' is no image of a known format; it must be a PNG file, or a binary PGM or PPM file (P5, P6). Convert it, or move it out of the folder.", file);
        }
    }

    private static byte[] Bytes(string file, Func<string, byte[]> read)
    {
        try
        {
            return read(file);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CorpusException($"The image '{file}' cannot be read: {e.Message} Check that it is there, and its permissions.", file, e);
        }
    }
}

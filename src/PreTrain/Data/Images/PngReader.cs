using System.Buffers.Binary;
using System.IO.Compression;

namespace PreTrain.Data.Images;

/// <summary>Reads PNG files (ISO/IEC 15948) of 8 bits that are grey or coloured and not interlaced. Opacity is dropped; the checksum of every chunk is checked.</summary>
internal static class PngReader
{
    private const int HeaderLength = 13, ChunkFrame = 12;
    private static readonly uint[] s_remainders = Remainders();

    private static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10];

    internal static bool IsPng(ReadOnlySpan<byte> bytes) => bytes.StartsWith(Signature);

    /// <exception cref="CorpusException">The file is damaged, or of a kind that is not read.</exception>
    internal static RasterImage Read(string file, byte[] bytes)
    {
        (int width, int height, int stored) = (0, 0, 0);
        using var compressed = new MemoryStream();
        int place = Signature.Length;
        while (true)
        {
            if (bytes.Length - place < ChunkFrame) throw ImageFile.Damaged(file, $"it ends at byte {bytes.Length}, before its last chunk.");
            uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(place));
            if (length > bytes.Length - place - ChunkFrame) throw ImageFile.Damaged(file, $"the chunk at byte {place} has {length} bytes, more than follow.");
            ReadOnlySpan<byte> name = bytes.AsSpan(place + 4, 4), content = bytes.AsSpan(place + 8, (int)length);
            if (Checksum(bytes.AsSpan(place + 4, 4 + (int)length)) != BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(place + 8 + (int)length)))
                throw ImageFile.Damaged(file, $"the checksum of the chunk at byte {place} is wrong.");
            if (stored == 0)
            {
                if (!name.SequenceEqual("IHDR"u8) || length != HeaderLength) throw ImageFile.Damaged(file, "it does not begin with a header.");
                (width, height, stored) = Header(file, content);
            }
            else if (name.SequenceEqual("IDAT"u8))
            {
                compressed.Write(content);
            }
            else if (name.SequenceEqual("IEND"u8))
            {
                break;
            }
            place += ChunkFrame + (int)length;
        }
        compressed.Position = 0;
        byte[] pixels = Pixels(file, compressed, width, height, stored);
        int channels = stored < 3 ? 1 : 3;
        return new RasterImage(width, height, channels, stored == channels ? pixels : WithoutOpacity(pixels, stored));
    }

    private static (int Width, int Height, int Stored) Header(string file, ReadOnlySpan<byte> header)
    {
        uint width = BinaryPrimitives.ReadUInt32BigEndian(header), height = BinaryPrimitives.ReadUInt32BigEndian(header[4..]);
        ImageFile.RequireSize(file, width, height);
        byte depth = header[8], colour = header[9], interlacing = header[12];
        int stored = colour switch { 0 => 1, 2 => 3, 4 => 2, 6 => 4, _ => 0 };
        if (depth != 8 || stored == 0 || interlacing != 0)
        {
            throw new CorpusException($"The PNG file '{file}' has {depth} bits, colour type {colour} and interlacing {interlacing}; it must have 8 bits, be grey (0, 4) or coloured (2, 6) without a palette, "
                + "and not be interlaced (0). Convert it.", file);
        }
        if (header[10] != 0 || header[11] != 0) throw ImageFile.Damaged(file, $"its compression ({header[10]}) and filtering ({header[11]}) must be 0.");
        return ((int)width, (int)height, stored);
    }

    private static byte[] Pixels(string file, Stream compressed, int width, int height, int stored)
    {
        int row = width * stored;
        byte[] pixels = new byte[(long)row * height], none = new byte[row];
        try
        {
            using var stream = new ZLibStream(compressed, CompressionMode.Decompress);
            for (int y = 0; y < height; y++)
            {
                int filter = stream.ReadByte();
                Span<byte> current = pixels.AsSpan(y * row, row);
                if (filter < 0 || stream.ReadAtLeast(current, row, throwOnEndOfStream: false) < row) throw ImageFile.Damaged(file, $"its pixels end in row {y + 1} of {height}.");
                if (filter > 4) throw ImageFile.Damaged(file, $"row {y + 1} has the filter {filter}, which is not from 0 to 4.");
                Restore(filter, current, y == 0 ? none : pixels.AsSpan((y - 1) * row, row), stored);
            }
            if (stream.ReadByte() >= 0) throw ImageFile.Damaged(file, $"it has more pixels than {width} × {height}.");
        }
        catch (InvalidDataException e)
        {
            throw ImageFile.Damaged(file, $"its pixels cannot be decompressed: {e.Message}", e);
        }
        return pixels;
    }

    /// <summary>Undoes a row's filter (ISO/IEC 15948, section 9.2).</summary>
    private static void Restore(int filter, Span<byte> row, ReadOnlySpan<byte> above, int step)
    {
        for (int i = 0; i < row.Length && filter != 0; i++)
        {
            int left = i < step ? 0 : row[i - step], up = above[i], corner = i < step ? 0 : above[i - step];
            int guess = filter switch { 1 => left, 2 => up, 3 => (left + up) / 2, _ => Paeth(left, up, corner) };
            row[i] = unchecked((byte)(row[i] + guess));
        }
    }

    /// <summary>The neighbour that is nearest to left + up − corner.</summary>
    private static int Paeth(int left, int up, int corner)
    {
        int toLeft = Math.Abs(up - corner), toUp = Math.Abs(left - corner), toCorner = Math.Abs(left + up - 2 * corner);
        return toLeft <= toUp && toLeft <= toCorner ? left : toUp <= toCorner ? up : corner;
    }

    private static byte[] WithoutOpacity(byte[] pixels, int stored)
    {
        int kept = stored - 1;
        byte[] result = new byte[pixels.Length / stored * kept];
        for (int from = 0, to = 0; from < pixels.Length; from += stored, to += kept) pixels.AsSpan(from, kept).CopyTo(result.AsSpan(to));
        return result;
    }

    /// <summary>The CRC-32 of ISO/IEC 15948, section 5.5.</summary>
    private static uint Checksum(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes) crc = s_remainders[(byte)(crc ^ value)] ^ (crc >> 8);
        return ~crc;
    }

    private static uint[] Remainders()
    {
        uint[] table = new uint[256];
        for (uint i = 0; i < table.Length; i++)
        {
            table[i] = i;
            for (int bit = 0; bit < 8; bit++) table[i] = (table[i] >> 1) ^ ((table[i] & 1) * 0xEDB88320);
        }
        return table;
    }
}

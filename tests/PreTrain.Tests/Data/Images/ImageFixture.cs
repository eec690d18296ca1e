using System.Buffers.Binary;
using System.IO.Compression;
using PreTrain.Data.Images;

namespace PreTrain.Tests.Data.Images;

/// <summary>Images to read, and slow writers of the files that hold them.</summary>
internal static class ImageFixture
{
    internal static RasterImage Create(int width, int height, int channels, int shift = 0) =>
        new(width, height, channels, [.. Enumerable.Range(0, width * height * channels).Select(i => (byte)(i * 37 + i * i % 101 + shift))]);

    internal static byte[] Netpbm(RasterImage image) =>
        [.. System.Text.Encoding.ASCII.GetBytes($"P{(image.ChannelCount == 1 ? 5 : 6)}\n# a comment\n{image.Width} {image.Height}\n255\n"), .. image.Pixels];

    /// <summary>A folder with images of different sizes and formats.</summary>
    internal static ImageFolder Folder(TemporaryFolder folder, int count, int channels = 3)
    {
        for (int i = 0; i < count; i++)
        {
            RasterImage image = Create(13 + i % 3, 17 + i % 5, channels, 11 * i);
            folder.Write($"images/{i % 2}/{i:D3}.{(i % 3 == 0 ? "ppm" : "png")}", i % 3 == 0 ? Netpbm(image) : Png(image, i % 5));
        }
        return ImageFolder.Open(folder.File("images"));
    }

    /// <summary>A PNG file with one filter for all rows, its pixels in two chunks.</summary>
    internal static byte[] Png(RasterImage image, int filter, Action<byte[]>? changeHeader = null)
    {
        using var file = new MemoryStream();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, image.Width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), image.Height);
        (header[8], header[9]) = (8, (byte)(image.ChannelCount switch { 1 => 0, 2 => 4, 3 => 2, _ => 6 }));
        changeHeader?.Invoke(header);
        Chunk("IHDR", header);
        using var packed = new MemoryStream();
        using (var zlib = new ZLibStream(packed, CompressionLevel.Fastest, leaveOpen: true))
        {
            int row = image.Width * image.ChannelCount;
            for (int y = 0; y < image.Height; y++)
            {
                zlib.WriteByte((byte)filter);
                for (int i = 0; i < row; i++) zlib.WriteByte(unchecked((byte)(At(y, i) - Guess(At(y, i - image.ChannelCount), At(y - 1, i), At(y - 1, i - image.ChannelCount)))));
            }

            int At(int y, int i) => y < 0 || i < 0 ? 0 : image.Pixels[y * row + i];
        }
        byte[] content = packed.ToArray();
        Chunk("tEXt", "a\0b"u8.ToArray());
        Chunk("IDAT", content[..(content.Length / 3)]);
        Chunk("IDAT", content[(content.Length / 3)..]);
        Chunk("IEND", []);
        return file.ToArray();

        int Guess(int left, int up, int corner) => filter switch
        {
            0 => 0,
            1 => left,
            2 => up,
            3 => (left + up) / 2,
            _ => new[] { left, up, corner }.MinBy(value => Math.Abs(left + up - corner - value)),   // the first of equals
        };

        void Chunk(string name, byte[] bytes)
        {
            byte[] chunk = [0, 0, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(name), .. bytes, 0, 0, 0, 0];
            BinaryPrimitives.WriteInt32BigEndian(chunk, bytes.Length);
            BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), Remainder(chunk.AsSpan(4, bytes.Length + 4)));
            file.Write(chunk);
        }
    }

    /// <summary>CRC-32 bit by bit.</summary>
    private static uint Remainder(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        for (int bit = 0; bit < 8 * bytes.Length; bit++) crc = (crc >> 1) ^ (((crc ^ (uint)(bytes[bit / 8] >> (bit % 8))) & 1) == 1 ? 0xEDB88320 : 0);
        return ~crc;
    }
}

using System.Buffers.Binary;
using System.Text;

namespace PreTrain.Checkpoints;

/// <summary>Writes zip files whose entries are stored as they are and begin at multiples of 64 bytes, as PyTorch does, so that they can be mapped.</summary>
internal sealed class ZipWriter(Stream stream)
{
    private const int Alignment = 64, LocalBytes = 30, Crc32Place = 14;
    private const ushort Utf8Flag = 0x0800, FirstDay = 0x0021, PaddingId = 0x4246;   // 1 January 1980; "FB", PyTorch's own
    private readonly List<Entry> entries = [];

    private sealed record Entry(byte[] Name, long Offset, long Bytes, uint Checksum);

    /// <summary>Writes an entry.</summary>
    /// <param name="name">Its path inside the archive.</param>
    /// <param name="bytes">Its length, which <paramref name="write"/> must keep to.</param>
    /// <param name="write">Writes its content.</param>
    internal void Add(string name, long bytes, Action<Stream> write)
    {
        var text = Encoding.UTF8.GetBytes(name);
        var start = stream.Position;
        var large = bytes >= uint.MaxValue;
        var header = new List<byte>();
        U32(header, 0x04034b50);
        Common(header, large ? 45 : 20);
        U32(header, 0);   // the checksum, when it is known
        U32(header, large ? uint.MaxValue : (uint)bytes);
        U32(header, large ? uint.MaxValue : (uint)bytes);
        U16(header, text.Length);
        var extra = new List<byte>();
        if (large)
        {
            U16(extra, 1);
            U16(extra, 16);
            U64(extra, bytes);
            U64(extra, bytes);
        }
        var padding = (int)(-(start + LocalBytes + text.Length + extra.Count + 4) & (Alignment - 1));
        U16(extra, PaddingId);
        U16(extra, padding);
        extra.AddRange(Enumerable.Repeat((byte)'Z', padding));
        U16(header, extra.Count);
        header.AddRange(text);
        header.AddRange(extra);
        stream.Write(header.ToArray());

        var content = new ChecksumStream(stream);
        write(content);
        if (content.Count != bytes)
            throw new InvalidOperationException($"The entry '{name}' has {content.Count} bytes, and {bytes} were announced.");
        var end = stream.Position;
        Span<byte> checksum = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(checksum, content.Checksum);
        stream.Position = start + Crc32Place;
        stream.Write(checksum);
        stream.Position = end;
        entries.Add(new Entry(text, start, bytes, content.Checksum));
    }

    internal void Add(string name, ReadOnlySpan<byte> content)
    {
        var copy = content.ToArray();
        Add(name, copy.Length, target => target.Write(copy));
    }

    /// <summary>Writes the directory, which ends the file.</summary>
    internal void Finish()
    {
        var start = stream.Position;
        var directory = new List<byte>();
        foreach (var entry in entries)
        {
            var extra = new List<byte>();
            if (entry.Bytes >= uint.MaxValue)
            {
                U64(extra, entry.Bytes);
                U64(extra, entry.Bytes);
            }
            if (entry.Offset >= uint.MaxValue)
                U64(extra, entry.Offset);
            U32(directory, 0x02014b50);
            U16(directory, 45);
            Common(directory, extra.Count > 0 ? 45 : 20);
            U32(directory, entry.Checksum);
            U32(directory, (uint)Math.Min(entry.Bytes, uint.MaxValue));
            U32(directory, (uint)Math.Min(entry.Bytes, uint.MaxValue));
            U16(directory, entry.Name.Length);
            U16(directory, extra.Count > 0 ? extra.Count + 4 : 0);
            directory.AddRange(new byte[10]);   // no comment, first disk, no attributes
            U32(directory, (uint)Math.Min(entry.Offset, uint.MaxValue));
            directory.AddRange(entry.Name);
            if (extra.Count > 0)
            {
                U16(directory, 1);
                U16(directory, extra.Count);
                directory.AddRange(extra);
            }
        }
        var bytes = directory.Count;
        if (entries.Count >= ushort.MaxValue || start + bytes >= uint.MaxValue)
        {
            U32(directory, 0x06064b50);
            U64(directory, 44);
            U16(directory, 45);
            U16(directory, 45);
            U64(directory, 0);
            U64(directory, entries.Count);
            U64(directory, entries.Count);
            U64(directory, bytes);
            U64(directory, start);
            U32(directory, 0x07064b50);
            U32(directory, 0);
            U64(directory, start + bytes);
            U32(directory, 1);
        }
        U32(directory, 0x06054b50);
        U32(directory, 0);
        U16(directory, Math.Min(entries.Count, ushort.MaxValue));
        U16(directory, Math.Min(entries.Count, ushort.MaxValue));
        U32(directory, (uint)Math.Min(bytes, uint.MaxValue));
        U32(directory, (uint)Math.Min(start, uint.MaxValue));
        U16(directory, 0);
        stream.Write(directory.ToArray());
    }

    private static void Common(List<byte> header, int version)
    {
        U16(header, version);
        U16(header, Utf8Flag);
        U16(header, 0);   // stored
        U16(header, 0);
        U16(header, FirstDay);
    }

    private static void U16(List<byte> target, int value) => target.AddRange([(byte)value, (byte)(value >> 8)]);

    private static void U32(List<byte> target, uint value)
    {
        U16(target, (ushort)value);
        U16(target, (ushort)(value >> 16));
    }

    private static void U64(List<byte> target, long value)
    {
        U32(target, (uint)value);
        U32(target, (uint)(value >> 32));
    }

    /// <summary>Passes bytes on, and counts and sums them.</summary>
    private sealed class ChecksumStream(Stream target) : Stream
    {
        private Crc32 crc;

        internal long Count { get; private set; }

        internal uint Checksum => crc.Value;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => Count;

        public override long Position
        {
            get => Count;
            set => throw new NotSupportedException();
        }

        public override void Write(ReadOnlySpan<byte> bytes)
        {
            target.Write(bytes);
            crc.Append(bytes);
            Count += bytes.Length;
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public override void Flush() => target.Flush();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}

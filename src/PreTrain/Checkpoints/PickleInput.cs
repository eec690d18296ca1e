using System.Buffers.Binary;

namespace PreTrain.Checkpoints;

/// <summary>The bytes of a pickle, read forwards, from memory or from a part of a file.</summary>
internal sealed class PickleInput
{
    /// <summary>The longest pickle that is read. One with a hundred thousand tensors takes about 20 MB.</summary>
    internal const long MaxBytes = 100_000_000;

    private const int BufferBytes = 1 << 16;

    private readonly ElementReader? reader;
    private readonly string path;
    private readonly string? entry;
    private readonly long fileOffset;
    private readonly long length;
    private byte[] buffer;
    private long bufferStart;
    private int bufferCount;

    /// <summary>A pickle in memory.</summary>
    internal PickleInput(string path, byte[] bytes)
    {
        this.path = path;
        buffer = bytes;
        bufferCount = bytes.Length;
        length = bytes.Length;
    }

    /// <summary>A pickle in a file.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="entry">The part of the file, for messages; places are then counted from its start.</param>
    /// <param name="reader">The open file.</param>
    /// <param name="offset">The place of the first byte.</param>
    /// <param name="length">The bytes from there on.</param>
    internal PickleInput(string path, string? entry, ElementReader reader, long offset, long length)
    {
        this.path = path;
        this.entry = entry;
        this.reader = reader;
        fileOffset = offset;
        this.length = length;
        buffer = new byte[BufferBytes];
    }

    /// <summary>The place of the next byte.</summary>
    internal long Position { get; private set; }

    internal long Remaining => length - Position;

    internal byte ReadByte() => Read(1)[0];

    internal int ReadInt32() => BinaryPrimitives.ReadInt32LittleEndian(Read(4));

    internal uint ReadUInt32() => BinaryPrimitives.ReadUInt32LittleEndian(Read(4));

    internal ulong ReadUInt64() => BinaryPrimitives.ReadUInt64LittleEndian(Read(8));

    /// <summary>The next bytes, valid until the next call.</summary>
    internal ReadOnlySpan<byte> Read(ulong count)
    {
        if (count > (ulong)Remaining)
            throw Fault(Position, $"{count} bytes are wanted, and {Remaining} are left: it is truncated or damaged.");
        if (Position + (long)count > MaxBytes)
            throw Fault(Position, $"it is longer than the {MaxBytes} bytes that are allowed.");
        var available = bufferCount - (Position - bufferStart);
        if ((ulong)available < count)
            Fetch((int)count);
        var result = buffer.AsSpan((int)(Position - bufferStart), (int)count);
        Position += (long)count;
        return result;
    }

    /// <summary>The next bytes up to a line feed, which is skipped; names of modules and classes stand in such lines.</summary>
    internal ReadOnlySpan<byte> ReadLine(int maxBytes)
    {
        var line = new byte[maxBytes];
        for (var i = 0; i < maxBytes; i++)
        {
            line[i] = ReadByte();
            if (line[i] == '\n')
                return line.AsSpan(0, i);
        }
        throw Fault(Position, $"a name is longer than the {maxBytes} bytes that are allowed.");
    }

    internal CheckpointException Fault(long position, string fault) =>
        new(path, $"{(entry is null ? "the pickle" : $"'{entry}'")} at byte {position}: {fault}");

    private void Fetch(int count)
    {
        var size = (int)Math.Min(Remaining, Math.Max(count, BufferBytes));
        if (buffer.Length < size)
            buffer = new byte[size];
        reader!.ReadExactly(fileOffset + Position, buffer.AsSpan(0, size));
        bufferStart = Position;
        bufferCount = size;
    }
}

using System.Buffers.Binary;
using System.Numerics;

namespace PreTrain.Reports;

/// <summary>TensorFlow's framing of records: length, masked checksum of the length, content, masked checksum of the content.</summary>
internal static class RecordFraming
{
    /// <summary>The content with its frame.</summary>
    internal static byte[] Frame(ReadOnlySpan<byte> content)
    {
        byte[] record = new byte[8 + 4 + content.Length + 4];
        BinaryPrimitives.WriteUInt64LittleEndian(record, (ulong)content.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedChecksum(record.AsSpan(0, 8)));
        content.CopyTo(record.AsSpan(12));
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + content.Length), MaskedChecksum(content));
        return record;
    }

    /// <summary>CRC-32C, turned and shifted, since a checksum of data that holds checksums is a poor one.</summary>
    private static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data) crc = BitOperations.Crc32C(crc, value);
        return BitOperations.RotateRight(~crc, 15) + 0xa282ead8;
    }
}

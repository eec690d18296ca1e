using System.Buffers.Binary;

namespace PreTrain.Checkpoints;

/// <summary>The CRC-32 of zip files (ISO 3309, the reflected polynomial EDB88320), eight bytes at a time through eight tables.</summary>
internal struct Crc32
{
    private const int Tables = 8;
    private static readonly uint[] table = Build();

    internal uint Value { get; private set; }

    internal void Append(ReadOnlySpan<byte> bytes)
    {
        var crc = ~Value;
        for (; bytes.Length >= Tables; bytes = bytes[Tables..])
        {
            var low = BinaryPrimitives.ReadUInt32LittleEndian(bytes) ^ crc;
            var high = BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]);
            crc = At(7, low) ^ At(6, low >> 8) ^ At(5, low >> 16) ^ At(4, low >> 24) ^ At(3, high) ^ At(2, high >> 8) ^ At(1, high >> 16) ^ At(0, high >> 24);
        }
        foreach (var b in bytes)
            crc = At(0, crc ^ b) ^ (crc >> 8);
        Value = ~crc;
    }

    private static uint At(int which, uint index) => table[which * 256 + (byte)index];

    private static uint[] Build()
    {
        var result = new uint[Tables * 256];
        for (uint i = 0; i < 256; i++)
        {
            var crc = i;
            for (var bit = 0; bit < 8; bit++)
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
            result[i] = crc;
        }
        for (var i = 256; i < result.Length; i++)
            result[i] = (result[i - 256] >> 8) ^ result[(byte)result[i - 256]];
        return result;
    }
}

using System.Buffers.Binary;

namespace PreTrain.Data;

/// <summary>The byte order of the files, which is that of nearly every machine.</summary>
internal static class LittleEndian
{
    public static ReadOnlySpan<ushort> Fix(ReadOnlySpan<ushort> stored)
    {
        if (BitConverter.IsLittleEndian)
            return stored;
        var swapped = new ushort[stored.Length];
        BinaryPrimitives.ReverseEndianness(stored, swapped);
        return swapped;
    }

    public static ReadOnlySpan<int> Fix(ReadOnlySpan<int> stored)
    {
        if (BitConverter.IsLittleEndian)
            return stored;
        var swapped = new int[stored.Length];
        BinaryPrimitives.ReverseEndianness(stored, swapped);
        return swapped;
    }

    public static ReadOnlySpan<long> Fix(ReadOnlySpan<long> stored)
    {
        if (BitConverter.IsLittleEndian)
            return stored;
        var swapped = new long[stored.Length];
        BinaryPrimitives.ReverseEndianness(stored, swapped);
        return swapped;
    }
}

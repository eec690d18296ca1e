using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace PreTrain.Checkpoints;

/// <summary>The CRC-32C of a stream of bytes (Castagnoli's polynomial, as in iSCSI, RFC 3720 §12.1). One processor instruction takes 8 bytes.</summary>
internal struct Crc32C
{
    internal uint Value { get; private set; }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Append(ReadOnlySpan<byte> bytes)
    {
        var crc = ~Value;
        ref var start = ref MemoryMarshal.GetReference(bytes);
        var i = 0;
        for (; i <= bytes.Length - sizeof(ulong); i += sizeof(ulong))
        {
            var word = Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref start, i));
            crc = BitOperations.Crc32C(crc, BitConverter.IsLittleEndian ? word : System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(word));
        }
        for (; i < bytes.Length; i++)
            crc = BitOperations.Crc32C(crc, Unsafe.Add(ref start, i));
        Value = ~crc;
    }
}

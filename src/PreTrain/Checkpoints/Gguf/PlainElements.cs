using System.Buffers.Binary;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Elements that are stored one by one.</summary>
internal static class PlainElements
{
    internal static void EncodeSingle(ReadOnlySpan<float> values, Span<byte> bytes) => MemoryMarshal.AsBytes(values).CopyTo(bytes);

    internal static void DecodeSingle(ReadOnlySpan<byte> bytes, Span<float> values) => bytes.CopyTo(MemoryMarshal.AsBytes(values));

    internal static void EncodeHalf(ReadOnlySpan<float> values, Span<byte> bytes) => TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(bytes));

    internal static void DecodeHalf(ReadOnlySpan<byte> bytes, Span<float> values) => TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values);

    internal static void EncodeBrain(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            // To the nearest, of two to the even one; a value that is no number stays one.
            uint rounded = float.IsNaN(values[i]) ? bits | 0x400000 : bits + 0x7FFF + ((bits >> 16) & 1);
            BinaryPrimitives.WriteUInt16LittleEndian(bytes[(2 * i)..], (ushort)(rounded >> 16));
        }
    }

    internal static void DecodeBrain(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (int i = 0; i < values.Length; i++) values[i] = BitConverter.UInt32BitsToSingle((uint)BinaryPrimitives.ReadUInt16LittleEndian(bytes[(2 * i)..]) << 16);
    }
}

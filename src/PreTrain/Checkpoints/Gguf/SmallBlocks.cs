// A block is 32 elements under one scale d, in 16 bits, with or without an offset m: x = d·code + m. Codes of 4 bits lie two in a byte, elements i and i + 16; the fifth bits of all lie in one word.
using System.Buffers.Binary;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>The blocks of 32: Q4_0, Q4_1, Q5_0, Q5_1 and Q8_0, rounded as llama.cpp rounds them without an importance matrix.</summary>
internal static class SmallBlocks
{
    private const int Length = 32, Half = Length / 2;

    internal static void EncodeQ80(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        for (; values.Length > 0; values = values[Length..], bytes = bytes[34..])
        {
            float scale = Math.Abs(Extreme(values[..Length])) / 127, inverse = scale == 0 ? 0 : 1 / scale;
            BinaryPrimitives.WriteHalfLittleEndian(bytes, (System.Half)scale);
            for (int i = 0; i < Length; i++) bytes[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
        }
    }

    internal static void DecodeQ80(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (; values.Length > 0; values = values[Length..], bytes = bytes[34..])
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes);
            for (int i = 0; i < Length; i++) values[i] = scale * (sbyte)bytes[2 + i];
        }
    }

    internal static void EncodeQ40(ReadOnlySpan<float> values, Span<byte> bytes) => EncodeSymmetric(values, bytes, 4);

    internal static void EncodeQ50(ReadOnlySpan<float> values, Span<byte> bytes) => EncodeSymmetric(values, bytes, 5);

    internal static void EncodeQ41(ReadOnlySpan<float> values, Span<byte> bytes) => EncodeAffine(values, bytes, 4);

    internal static void EncodeQ51(ReadOnlySpan<float> values, Span<byte> bytes) => EncodeAffine(values, bytes, 5);

    internal static void DecodeQ40(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 4, hasOffset: false);

    internal static void DecodeQ50(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 5, hasOffset: false);

    internal static void DecodeQ41(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 4, hasOffset: true);

    internal static void DecodeQ51(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 5, hasOffset: true);

    /// <summary>The element that is farthest from zero gets the code that is, 0, exactly; zero is the code in the middle.</summary>
    private static void EncodeSymmetric(ReadOnlySpan<float> values, Span<byte> bytes, int bits)
    {
        int zero = 1 << (bits - 1), highest = 2 * zero - 1;
        Span<byte> codes = stackalloc byte[Length];
        for (; values.Length > 0; values = values[Length..])
        {
            float scale = Extreme(values[..Length]) / -zero, inverse = scale == 0 ? 0 : 1 / scale;
            BinaryPrimitives.WriteHalfLittleEndian(bytes, (System.Half)scale);
            for (int i = 0; i < Length; i++) codes[i] = (byte)Math.Min(highest, (int)(values[i] * inverse + (zero + 0.5f)));
            bytes = Pack(codes, bytes[2..], bits);
        }
    }

    /// <summary>The least element gets the code 0, the greatest the highest.</summary>
    private static void EncodeAffine(ReadOnlySpan<float> values, Span<byte> bytes, int bits)
    {
        int highest = (1 << bits) - 1;
        Span<byte> codes = stackalloc byte[Length];
        for (; values.Length > 0; values = values[Length..])
        {
            float least = values[0], greatest = values[0];
            foreach (float value in values[..Length]) (least, greatest) = (Math.Min(least, value), Math.Max(greatest, value));
            float scale = (greatest - least) / highest, inverse = scale == 0 ? 0 : 1 / scale;
            BinaryPrimitives.WriteHalfLittleEndian(bytes, (System.Half)scale);
            BinaryPrimitives.WriteHalfLittleEndian(bytes[2..], (System.Half)least);
            for (int i = 0; i < Length; i++) codes[i] = (byte)Math.Min(highest, (int)((values[i] - least) * inverse + 0.5f));
            bytes = Pack(codes, bytes[4..], bits);
        }
    }

    private static void Decode(ReadOnlySpan<byte> bytes, Span<float> values, int bits, bool hasOffset)
    {
        int zero = hasOffset ? 0 : 1 << (bits - 1);
        for (; values.Length > 0; values = values[Length..])
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes), offset = hasOffset ? (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[2..]) : 0;
            bytes = bytes[(hasOffset ? 4 : 2)..];
            uint fifths = 0;
            if (bits == 5)
            {
                fifths = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
                bytes = bytes[4..];
            }
            for (int i = 0; i < Length; i++)
            {
                int low = i < Half ? bytes[i] & 15 : bytes[i - Half] >> 4, code = low | (int)((fifths >> i) & 1) << 4;
                values[i] = scale * (code - zero) + offset;
            }
            bytes = bytes[Half..];
        }
    }

    private static Span<byte> Pack(scoped ReadOnlySpan<byte> codes, Span<byte> bytes, int bits)
    {
        if (bits == 5)
        {
            uint fifths = 0;
            for (int i = 0; i < Length; i++) fifths |= (uint)(codes[i] >> 4) << i;
            BinaryPrimitives.WriteUInt32LittleEndian(bytes, fifths);
            bytes = bytes[4..];
        }
        for (int i = 0; i < Half; i++) bytes[i] = (byte)((codes[i] & 15) | (codes[i + Half] & 15) << 4);
        return bytes[Half..];
    }

    /// <summary>The first of those elements that are farthest from zero.</summary>
    private static float Extreme(ReadOnlySpan<float> values)
    {
        float extreme = 0;
        foreach (float value in values)
        {
            if (Math.Abs(value) > Math.Abs(extreme)) extreme = value;
        }
        return extreme;
    }
}

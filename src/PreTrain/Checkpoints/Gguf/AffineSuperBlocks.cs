// A super-block is 256 elements: 8 blocks of 32, each with a scale and an offset of 6 bits, which two numbers d and m in 16 bits scale: x = d·scale·code − m·offset.
//
//   d (2 bytes) │ m (2) │ scales and offsets (12) │ fifth bits (32, Q5_K only) │ codes of 4 bits (128)
using System.Buffers.Binary;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Q4_K and Q5_K. Scales are sought as llama.cpp seeks them without an importance matrix: large elements count more.</summary>
internal static class AffineSuperBlocks
{
    private const int Length = 256, Blocks = 8, BlockLength = Length / Blocks, Header = 4, ScaleBytes = 12, HighestScale = 63;

    internal static void EncodeQ4(ReadOnlySpan<float> values, Span<byte> bytes) => Encode(values, bytes, 4, firstStretch: -1, guesses: 21);

    internal static void EncodeQ5(ReadOnlySpan<float> values, Span<byte> bytes) => Encode(values, bytes, 5, firstStretch: -0.5f, guesses: 16);

    internal static void DecodeQ4(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 4);

    internal static void DecodeQ5(ReadOnlySpan<byte> bytes, Span<float> values) => Decode(bytes, values, 5);

    private static void Encode(ReadOnlySpan<float> values, Span<byte> bytes, int bits, float firstStretch, int guesses)
    {
        int highest = (1 << bits) - 1, size = Header + ScaleBytes + (bits - 4) * 32 + Length / 2;
        Span<float> scales = stackalloc float[Blocks], offsets = stackalloc float[Blocks], weights = stackalloc float[BlockLength];
        Span<byte> codes = stackalloc byte[Length];
        for (; values.Length > 0; values = values[Length..], bytes = bytes[size..])
        {
            float greatestScale = 0, greatestOffset = 0;
            for (int block = 0; block < Blocks; block++)
            {
                ReadOnlySpan<float> x = values.Slice(block * BlockLength, BlockLength);
                float squares = 0;
                foreach (float value in x) squares += value * value;
                float mean = MathF.Sqrt(squares / BlockLength);
                for (int i = 0; i < BlockLength; i++) weights[i] = mean + Math.Abs(x[i]);
                (scales[block], float offset) = BlockFit.Affine(x, weights, highest, firstStretch, guesses);
                offsets[block] = -offset;
                (greatestScale, greatestOffset) = (Math.Max(greatestScale, scales[block]), Math.Max(greatestOffset, offsets[block]));
            }
            Half scale = (Half)(greatestScale / HighestScale), shift = (Half)(greatestOffset / HighestScale);
            BinaryPrimitives.WriteHalfLittleEndian(bytes, scale);
            BinaryPrimitives.WriteHalfLittleEndian(bytes[2..], shift);
            Span<byte> packed = bytes.Slice(Header, ScaleBytes);
            packed.Clear();
            for (int block = 0; block < Blocks; block++)
            {
                int s = SixBits(scales[block], greatestScale), o = SixBits(offsets[block], greatestOffset);
                PackScale(packed, block, s, o);
                float step = (float)scale * s, below = (float)shift * o;
                for (int i = block * BlockLength; i < (block + 1) * BlockLength; i++)
                    codes[i] = step == 0 ? (byte)0 : (byte)Math.Clamp(MathF.Round((values[i] + below) / step), 0, highest);
            }
            Pack(codes, bytes[(Header + ScaleBytes)..size], bits);
        }
    }

    private static void Decode(ReadOnlySpan<byte> bytes, Span<float> values, int bits)
    {
        int size = Header + ScaleBytes + (bits - 4) * 32 + Length / 2;
        for (; values.Length > 0; values = values[Length..], bytes = bytes[size..])
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes), shift = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[2..]);
            ReadOnlySpan<byte> packed = bytes.Slice(Header, ScaleBytes), rest = bytes[(Header + ScaleBytes)..size], fifths = bits == 5 ? rest[..32] : default, low = bits == 5 ? rest[32..] : rest;
            for (int i = 0; i < Length; i++)
            {
                int block = i / BlockLength, at = block / 2 * BlockLength + i % BlockLength, code = block % 2 == 0 ? low[at] & 15 : low[at] >> 4;
                if (bits == 5) code |= ((fifths[i % BlockLength] >> block) & 1) << 4;
                (int s, int o) = UnpackScale(packed, block);
                values[i] = scale * s * code - shift * o;
            }
        }
    }

    private static int SixBits(float value, float greatest) => greatest > 0 ? (int)Math.Min(HighestScale, MathF.Round(HighestScale / greatest * value)) : 0;

    /// <summary>Two blocks share bytes: the first has the low half of each. The fifth bit of block b is bit b of its element's byte.</summary>
    private static void Pack(ReadOnlySpan<byte> codes, Span<byte> bytes, int bits)
    {
        bytes.Clear();
        Span<byte> low = bits == 5 ? bytes[32..] : bytes;
        for (int i = 0; i < Length; i++)
        {
            int block = i / BlockLength;
            low[block / 2 * BlockLength + i % BlockLength] |= (byte)((codes[i] & 15) << (block % 2 * 4));
            if (bits == 5) bytes[i % BlockLength] |= (byte)((codes[i] >> 4) << block);
        }
    }

    /// <summary>The first four blocks have six bits of a byte each; those of the others are four bits in the last bytes and two that the first leave over.</summary>
    private static void PackScale(Span<byte> packed, int block, int scale, int offset)
    {
        if (block < 4)
        {
            packed[block] |= (byte)scale;
            packed[block + 4] |= (byte)offset;
            return;
        }
        packed[block + 4] = (byte)((scale & 15) | (offset & 15) << 4);
        packed[block - 4] |= (byte)(scale >> 4 << 6);
        packed[block] |= (byte)(offset >> 4 << 6);
    }

    private static (int Scale, int Offset) UnpackScale(ReadOnlySpan<byte> packed, int block) => block < 4
        ? (packed[block] & 63, packed[block + 4] & 63)
        : ((packed[block + 4] & 15) | packed[block - 4] >> 6 << 4, packed[block + 4] >> 4 | packed[block] >> 6 << 4);
}

// A super-block is 256 elements: 16 blocks of 16, each with a scale of 8 bits, which a number d in 16 bits scales: x = d·scale·(code − 32).
//
//   low four bits of codes (128 bytes) │ high two bits (64) │ scales (16) │ d (2)
//
// Half by half: elements i, i + 32, i + 64 and i + 96 of a half share bytes.
using System.Buffers.Binary;

namespace PreTrain.Checkpoints.Gguf;

/// <summary>Q6_K. Scales are sought as llama.cpp seeks them without an importance matrix.</summary>
internal static class SymmetricSuperBlocks
{
    private const int Length = 256, Blocks = 16, BlockLength = Length / Blocks, Reach = 32, Low = 128, High = 64, Size = Low + High + Blocks + 2;

    internal static void Encode(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        Span<float> scales = stackalloc float[Blocks];
        for (; values.Length > 0; values = values[Length..], bytes = bytes[Size..])
        {
            Span<byte> block = bytes[..Size];
            block.Clear();
            float extreme = 0;
            for (int i = 0; i < Blocks; i++)
            {
                scales[i] = BlockFit.Symmetric(values.Slice(i * BlockLength, BlockLength), Reach);
                if (Math.Abs(scales[i]) > Math.Abs(extreme)) extreme = scales[i];
            }
            if (Math.Abs(extreme) < 1e-15f) continue;
            float inverse = -128 / extreme;
            Half scale = (Half)(1 / inverse);
            BinaryPrimitives.WriteHalfLittleEndian(block[(Size - 2)..], scale);
            for (int i = 0; i < Length; i++)
            {
                sbyte own = (sbyte)Math.Min(127, MathF.Round(inverse * scales[i / BlockLength]));
                block[Low + High + i / BlockLength] = (byte)own;
                float step = (float)scale * own;
                int code = step == 0 ? Reach : (int)Math.Clamp(MathF.Round(values[i] / step), -Reach, Reach - 1) + Reach;
                (int low, int lowShift, int high, int highShift) = Place(i);
                block[low] |= (byte)((code & 15) << lowShift);
                block[high] |= (byte)((code >> 4) << highShift);
            }
        }
    }

    internal static void Decode(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (; values.Length > 0; values = values[Length..], bytes = bytes[Size..])
        {
            float scale = (float)BinaryPrimitives.ReadHalfLittleEndian(bytes[(Size - 2)..]);
            for (int i = 0; i < Length; i++)
            {
                (int low, int lowShift, int high, int highShift) = Place(i);
                int code = ((bytes[low] >> lowShift) & 15) | ((bytes[high] >> highShift) & 3) << 4;
                values[i] = scale * (sbyte)bytes[Low + High + i / BlockLength] * (code - Reach);
            }
        }
    }

    private static (int Low, int LowShift, int High, int HighShift) Place(int element)
    {
        int half = element / 128, quarter = element % 128 / 32, column = element % 32;
        return (half * 64 + quarter % 2 * 32 + column, quarter / 2 * 4, Low + half * 32 + column, quarter * 2);
    }
}

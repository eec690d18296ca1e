using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Random numbers that are a function of a key and a counter, Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel Random Numbers: As Easy as 1, 2, 3", section 3.3): any thread can compute any of them, and
/// what was drawn once can be drawn again instead of being kept.
/// </summary>
internal static class Philox
{
    /// <summary>The elements that one draw is for.</summary>
    internal const int BlockSize = 32;

    private const int Rounds = 10;
    private const uint Multiplier0 = 0xD2511F53, Multiplier1 = 0xCD9E8D57, Weyl0 = 0x9E3779B9, Weyl1 = 0xBB67AE85;

    /// <summary>Draws for a block of <see cref="BlockSize"/> elements: those whose number of 32 bits is at least a threshold.</summary>
    /// <param name="key">The key.</param>
    /// <param name="block">The number of the block. Eight counters (block's low half, its high half, i, 0) give four words each: the elements 2i and 2i + 1 have the first two, 16 + 2i and 17 + 2i the others.</param>
    /// <param name="threshold">The threshold.</param>
    /// <returns>A bit for each element, the first one's lowest.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static uint AtLeast(ulong key, ulong block, uint threshold)
    {
        Vector512<uint> m0 = Vector512.Create((ulong)Multiplier0).AsUInt32(), m1 = Vector512.Create((ulong)Multiplier1).AsUInt32();
        // Of each lane of 64 bits the lower half counts; what the upper one holds is never multiplied.
        Vector512<ulong> c0 = Vector512.Create(block & uint.MaxValue), c1 = Vector512.Create(block >> 32), c2 = Vector512<ulong>.Indices, c3 = Vector512<ulong>.Zero;
        (uint k0, uint k1) = ((uint)key, (uint)(key >> 32));
        for (int round = 0; round < Rounds; round++)
        {
            Vector512<ulong> p0 = Multiply(c0.AsUInt32(), m0), p1 = Multiply(c2.AsUInt32(), m1);
            c0 = (p1 >> 32) ^ c1 ^ Vector512.Create((ulong)k0);
            c1 = p1;
            c2 = (p0 >> 32) ^ c3 ^ Vector512.Create((ulong)k1);
            c3 = p0;
            k0 += Weyl0;
            k1 += Weyl1;
        }
        Vector512<ulong> lower = Vector512.Create((ulong)uint.MaxValue);
        Vector512<uint> least = Vector512.Create(threshold);
        Vector512<uint> first = ((c0 & lower) | (c1 << 32)).AsUInt32(), second = ((c2 & lower) | (c3 << 32)).AsUInt32();
        return (uint)Vector512.GreaterThanOrEqual(first, least).ExtractMostSignificantBits() | ((uint)Vector512.GreaterThanOrEqual(second, least).ExtractMostSignificantBits() << 16);
    }

    /// <summary>The products of the lower halves of the lanes of 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ulong> Multiply(Vector512<uint> a, Vector512<uint> b) => Avx512F.IsSupported ? Avx512F.Multiply(a, b)
        : Vector512.Create(Avx2.Multiply(a.GetLower(), b.GetLower()), Avx2.Multiply(a.GetUpper(), b.GetUpper()));
}

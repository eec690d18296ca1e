using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>Vectors of 16 lanes: in one register of 512 bits, or in two of 256 where the processor has no others. What .NET offers for the first alone has its counterpart for the second here.</summary>
internal static unsafe class Lanes
{
    /// <summary>Whether the processor has them. Without them the kernels' vectors would be slower than torch's own operators.</summary>
    internal static bool AreSupported
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => Vector512.IsHardwareAccelerated || Avx512F.IsSupported || (Avx2.IsSupported && Fma.IsSupported);
    }

    /// <summary>16 bytes, each in a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<int> Load(byte* p) => Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(Vector128.Load(p))
        : Vector512.Create(Avx2.ConvertToVector256Int32(p), Avx2.ConvertToVector256Int32(p + 8));

    /// <summary>16 bytes with a sign, each in a lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<int> Load(sbyte* p) => Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(Vector128.Load(p))
        : Vector512.Create(Avx2.ConvertToVector256Int32(p), Avx2.ConvertToVector256Int32(p + 8));

    /// <summary>The nearest integers, of two the even one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<int> Round(Vector512<float> x) => Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(x)
        : Vector512.Create(Avx.ConvertToVector256Int32(x.GetLower()), Avx.ConvertToVector256Int32(x.GetUpper()));

    /// <summary>Numbers that are not negative as bytes, at most 255.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector128<byte> Saturate(Vector512<int> x)
    {
        if (Avx512F.IsSupported) return Avx512F.ConvertToVector128ByteWithSaturation(x.AsUInt32());
        // Packed half by half, so that the quarters come in the order 0, 2, 1, 3.
        Vector256<short> words = Avx2.Permute4x64(Avx2.PackSignedSaturate(x.GetLower(), x.GetUpper()).AsInt64(), 0b_11_01_10_00).AsInt16();
        return Sse2.PackUnsignedSaturate(words.GetLower(), words.GetUpper());
    }

    /// <summary>Four numbers, again and again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Repeat(float* four)
    {
        if (Avx512F.IsSupported) return Avx512F.BroadcastVector128ToVector512(four);
        Vector256<float> twice = Avx.BroadcastVector128ToVector256(four);
        return Vector512.Create(twice, twice);
    }

    /// <summary>Four numbers, each four times.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Spread(float* four)
    {
        if (Avx512F.IsSupported) return Avx512F.PermuteVar16x32(Avx512F.BroadcastVector128ToVector512(four), Vector512.Create(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3));
        Vector256<float> twice = Avx.BroadcastVector128ToVector256(four);
        return Vector512.Create(Avx2.PermuteVar8x32(twice, Vector256.Create(0, 0, 0, 0, 1, 1, 1, 1)), Avx2.PermuteVar8x32(twice, Vector256.Create(2, 2, 2, 2, 3, 3, 3, 3)));
    }

    /// <summary>The quarters 0 and 2 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> EvenQuarters(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported ? Avx512F.Shuffle4x128(a, b, 0x88)
        : Vector512.Create(Avx.Permute2x128(a.GetLower(), a.GetUpper(), 0x20), Avx.Permute2x128(b.GetLower(), b.GetUpper(), 0x20));

    /// <summary>The quarters 1 and 3 of both.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> OddQuarters(Vector512<float> a, Vector512<float> b) => Avx512F.IsSupported ? Avx512F.Shuffle4x128(a, b, 0xDD)
        : Vector512.Create(Avx.Permute2x128(a.GetLower(), a.GetUpper(), 0x31), Avx.Permute2x128(b.GetLower(), b.GetUpper(), 0x31));

    /// <summary>The values of a table of 16 at some indices, of which the low four bits count.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Look(Vector512<float> table, Vector512<int> indices)
    {
        return Avx512F.IsSupported ? Avx512F.PermuteVar16x32(table, indices) : Vector512.Create(Half(table, indices.GetLower()), Half(table, indices.GetUpper()));

        // Bit 3 tells the half of the table, as the sign of what selects.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        static Vector256<float> Half(Vector512<float> table, Vector256<int> indices) =>
            Avx.BlendVariable(Avx2.PermuteVar8x32(table.GetLower(), indices), Avx2.PermuteVar8x32(table.GetUpper(), indices), (indices << 28).AsSingle());
    }

    /// <summary>The values of a table of 32, in two halves, at indices from 0 to 31.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Look(Vector512<float> low, Vector512<float> high, Vector512<int> indices) => Avx512F.IsSupported
        ? Avx512F.PermuteVar16x32x2(low, indices, high)
        : Vector512.ConditionalSelect(Vector512.LessThan(indices, Vector512.Create(16)).AsSingle(), Look(low, indices), Look(high, indices));
}

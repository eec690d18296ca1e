using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Modules.Quantized;

/// <summary>Adds to each of eight sums the four products of its bytes. All ways give the same sums, since nothing is rounded and nothing saturates.</summary>
internal interface IByteProducts
{
    static abstract Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> weights);
}

/// <summary>In one instruction, VPDPBUSD.</summary>
internal readonly struct DotByteProducts : IByteProducts
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> weights) => AvxVnni.MultiplyWideningAndAdd(sums, x, weights);
}

/// <summary>Even and odd bytes, widened to 16 bits: products of bytes in pairs would saturate in 16.</summary>
internal readonly struct WideByteProducts : IByteProducts
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> weights)
    {
        Vector256<short> xs = x.AsInt16(), ws = weights.AsInt16();
        Vector256<int> even = Avx2.MultiplyAddAdjacent(xs & Vector256.Create((short)0xFF), (ws << 8) >> 8);
        return sums + even + Avx2.MultiplyAddAdjacent(xs >>> 8, ws >> 8);
    }
}

/// <summary>One by one, on any processor.</summary>
internal readonly struct PlainByteProducts : IByteProducts
{
    public static Vector256<int> Add(Vector256<int> sums, Vector256<byte> x, Vector256<sbyte> weights)
    {
        for (int i = 0; i < 8; i++)
        {
            int sum = sums[i];
            for (int k = 4 * i; k < 4 * i + 4; k++) sum += x[k] * weights[k];
            sums = sums.WithElement(i, sum);
        }
        return sums;
    }
}

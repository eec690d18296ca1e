using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace PreTrain.Torch.Cpu;

/// <summary>How a kernel reads and writes one element type; arithmetic is always in 32 bits.</summary>
internal unsafe interface IElement
{
    static abstract int Size { get; }

    /// <summary>Reads 16 elements.</summary>
    static abstract Vector512<float> Load(byte* p);

    /// <summary>Writes 16 elements, rounded to nearest even.</summary>
    static abstract void Store(byte* p, Vector512<float> v);

    static abstract float LoadOne(byte* p);

    static abstract void StoreOne(byte* p, float v);
}

internal readonly unsafe struct Float32Element : IElement
{
    public static int Size => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p) => Vector512.Load((float*)p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, Vector512<float> v) => v.Store((float*)p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(byte* p) => *(float*)p;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(byte* p, float v) => *(float*)p = v;
}

internal readonly unsafe struct BFloat16Element : IElement
{
    public static int Size => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Load(byte* p)
    {
        Vector512<int> bits = Avx512F.IsSupported ? Avx512F.ConvertToVector512Int32(Vector256.Load((ushort*)p))
            : Vector512.Create(Avx2.ConvertToVector256Int32((ushort*)p), Avx2.ConvertToVector256Int32((ushort*)p + 8));
        return (bits << 16).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store(byte* p, Vector512<float> v)
    {
        Vector512<uint> bits = v.AsUInt32();
        Vector512<uint> rounded = bits + Vector512.Create(0x7FFFu) + ((bits >> 16) & Vector512<uint>.One);
        // Rounding must not carry a NaN into another class.
        rounded = Vector512.ConditionalSelect(Vector512.Equals(v, v).AsUInt32(), rounded, Vector512.Create(0x7FC00000u));
        rounded >>= 16;
        (Avx512F.IsSupported ? Avx512F.ConvertToVector256UInt16(rounded) : Vector256.Narrow(rounded.GetLower(), rounded.GetUpper())).Store((ushort*)p);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float LoadOne(byte* p) => BitConverter.UInt32BitsToSingle((uint)*(ushort*)p << 16);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreOne(byte* p, float v)
    {
        uint bits = BitConverter.SingleToUInt32Bits(v);
        *(ushort*)p = float.IsNaN(v) ? (ushort)0x7FC0 : (ushort)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
    }
}

namespace TorchSharp;

/// <summary>A 16-bit float with the exponent of a 32-bit one.</summary>
public readonly struct BFloat16
{
    private readonly ushort _bits;

    public BFloat16(float f) => _bits = (ushort)(BitConverter.SingleToUInt32Bits(f) >> 16);

    public float ToSingle() => BitConverter.UInt32BitsToSingle((uint)_bits << 16);
}

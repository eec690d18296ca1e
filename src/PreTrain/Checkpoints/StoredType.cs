using System.Buffers.Binary;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>One type of elements in files, and how torch holds it here.</summary>
/// <param name="Name">Its name in safetensors headers.</param>
/// <param name="Bytes">The bytes of one element in a file.</param>
/// <param name="DataType">What it is read as: itself, or the narrowest type of torch that holds all its values.</param>
/// <param name="TorchName">Its name in PyTorch, as in <c>torch.float32</c>.</param>
/// <param name="StorageName">The class of its typed storages in PyTorch; <see langword="null"/> if it has none.</param>
internal sealed record StoredType(string Name, int Bytes, ScalarType DataType, string TorchName, string? StorageName)
{
    /// <summary>Whether elements in memory have the same bytes as those in the file; otherwise <see cref="Widen"/> converts them.</summary>
    internal bool IsDirect { get; private init; } = true;

    /// <summary>Whether the safetensors format has the type.</summary>
    internal bool InSafetensors { get; private init; } = true;

    /// <summary>The place of the type in the layout of safetensors files: wide types come first.</summary>
    internal int Rank { get; private set; }

    /// <summary>The bytes of one element in memory.</summary>
    internal int BytesInMemory => IsDirect ? Bytes : DataType switch { ScalarType.BFloat16 => 2, ScalarType.Int32 => 4, _ => 8 };

    /// <summary>The width of what is reversed where a file is big-endian: a complex number is two.</summary>
    internal int SwapBytes => DataType is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64 ? Bytes / 2 : Bytes;

    private ushort[]? Table { get; init; }

    // In the order in which the reference implementation lays tensors out, backwards: each then begins at a multiple of its element's size.
    private static readonly StoredType[] all = Ranked(
        new("BOOL", 1, ScalarType.Bool, "bool", "BoolStorage"),
        new("U8", 1, ScalarType.Byte, "uint8", "ByteStorage"),
        new("I8", 1, ScalarType.Int8, "int8", "CharStorage"),
        Float8("F8_E5M2", "float8_e5m2", exponentBits: 5, bias: 15, Special.Ieee),
        Float8("F8_E4M3", "float8_e4m3fn", exponentBits: 4, bias: 7, Special.AllOnesIsNaN),
        Float8("F8_E8M0", "float8_e8m0fnu", exponentBits: 8, bias: 127, Special.AllOnesIsNaN),
        Float8("F8_E4M3FNUZ", "float8_e4m3fnuz", exponentBits: 4, bias: 8, Special.NegativeZeroIsNaN),
        Float8("F8_E5M2FNUZ", "float8_e5m2fnuz", exponentBits: 5, bias: 16, Special.NegativeZeroIsNaN),
        new("I16", 2, ScalarType.Int16, "int16", "ShortStorage"),
        new("U16", 2, ScalarType.Int32, "uint16", null) { IsDirect = false },
        new("F16", 2, ScalarType.Float16, "float16", "HalfStorage"),
        new("BF16", 2, ScalarType.BFloat16, "bfloat16", "BFloat16Storage"),
        new("I32", 4, ScalarType.Int32, "int32", "IntStorage"),
        new("U32", 4, ScalarType.Int64, "uint32", null) { IsDirect = false },
        new("F32", 4, ScalarType.Float32, "float32", "FloatStorage"),
        new("C64", 8, ScalarType.ComplexFloat32, "complex64", "ComplexFloatStorage"),
        new("F64", 8, ScalarType.Float64, "float64", "DoubleStorage"),
        new("I64", 8, ScalarType.Int64, "int64", "LongStorage"),
        new("U64", 8, ScalarType.Int64, "uint64", null) { IsDirect = false },
        new("C128", 16, ScalarType.ComplexFloat64, "complex128", "ComplexDoubleStorage") { InSafetensors = false });

    /// <summary>The names that a safetensors header may hold.</summary>
    internal static string KnownNames => string.Join(", ", all.Where(t => t.InSafetensors).Select(t => t.Name));

    internal static StoredType? ByName(string name) => Array.Find(all, t => t.InSafetensors && t.Name == name);

    internal static StoredType? ByTorchName(string name) => Array.Find(all, t => t.TorchName == name);

    internal static StoredType? ByStorageName(string name) => Array.Find(all, t => t.StorageName == name);

    /// <summary>The type of a tensor in memory, to write it; <see langword="null"/> for quantized ones.</summary>
    internal static StoredType? Of(ScalarType type) => Array.Find(all, t => t.IsDirect && t.DataType == type);

    /// <summary>Converts elements of a file to those in memory.</summary>
    /// <param name="stored">The bytes of whole elements, little-endian.</param>
    /// <param name="memory">Receives as many elements of <see cref="DataType"/>.</param>
    /// <returns>The place of the first element that does not fit (a U64 of 2^63 or more), or −1.</returns>
    internal int Widen(ReadOnlySpan<byte> stored, Span<byte> memory)
    {
        switch (Bytes)
        {
            case 1:
                var floats = MemoryMarshal.Cast<byte, ushort>(memory);
                for (var i = 0; i < stored.Length; i++)
                    floats[i] = Table![stored[i]];
                return -1;
            case 2:
                var ints = MemoryMarshal.Cast<byte, int>(memory);
                for (var i = 0; i < ints.Length; i++)
                    ints[i] = BinaryPrimitives.ReadUInt16LittleEndian(stored[(2 * i)..]);
                return -1;
            case 4:
                var longs = MemoryMarshal.Cast<byte, long>(memory);
                for (var i = 0; i < longs.Length; i++)
                    longs[i] = BinaryPrimitives.ReadUInt32LittleEndian(stored[(4 * i)..]);
                return -1;
            default:
                stored.CopyTo(memory);
                return MemoryMarshal.Cast<byte, long>(memory).IndexOfAnyInRange(long.MinValue, -1L);
        }
    }

    private static StoredType[] Ranked(params StoredType[] types)
    {
        for (var i = 0; i < types.Length; i++)
            types[i].Rank = i;
        return types;
    }

    private enum Special
    {
        Ieee,
        AllOnesIsNaN,
        NegativeZeroIsNaN,
    }

    /// <summary>An 8-bit float, read through a table of all its 256 values as BFloat16, which holds each of them exactly.</summary>
    private static StoredType Float8(string name, string torchName, int exponentBits, int bias, Special special)
    {
        var table = new ushort[256];
        for (var code = 0; code < 256; code++)
            table[code] = (ushort)(BitConverter.SingleToUInt32Bits(ValueOf((byte)code, exponentBits, bias, special)) >> 16);
        return new StoredType(name, 1, ScalarType.BFloat16, torchName, null) { IsDirect = false, Table = table };
    }

    private static float ValueOf(byte code, int exponentBits, int bias, Special special)
    {
        var signed = exponentBits < 8;
        var mantissaBits = signed ? 7 - exponentBits : 0;
        var (exponent, mantissa) = ((code >> mantissaBits) & ((1 << exponentBits) - 1), code & ((1 << mantissaBits) - 1));
        var sign = signed && code >= 128 ? -1.0 : 1.0;
        var top = exponent == (1 << exponentBits) - 1;
        switch (special)
        {
            case Special.Ieee when top:
                return mantissa == 0 ? (float)(sign * double.PositiveInfinity) : float.NaN;
            case Special.AllOnesIsNaN when top && mantissa == (1 << mantissaBits) - 1:
            case Special.NegativeZeroIsNaN when code == 0x80:
                return float.NaN;
        }
        var fraction = mantissa / (double)(1 << mantissaBits);
        var value = signed && exponent == 0 ? Math.ScaleB(fraction, 1 - bias) : Math.ScaleB(1 + fraction, exponent - bias);
        return (float)(sign * value);
    }
}

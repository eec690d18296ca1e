using System.Numerics;
using static TorchSharp.torch;

namespace TorchSharp.Interop;

/// <summary>The kinds of argument and result that cross the border; the numbers are those of native/pretrain_torch.cpp.</summary>
internal enum Tag
{
    None = 0, Tensor = 1, Int = 2, Double = 3, Bool = 4, IntList = 5, DoubleList = 6, BoolList = 7,
    TensorList = 8, OptionalTensorList = 9, String = 10, Device = 11, Generator = 12, Default = 13, Complex = 14,
}

/// <summary>A value as the native part sees it.</summary>
internal struct NativeValue
{
    public int Tag;
    public int Aux;
    public long Payload;
}

/// <summary>An argument of an operator. It holds the managed object, which thereby outlives the call.</summary>
internal readonly struct Value
{
    internal readonly object? Object;
    internal readonly long Payload;
    internal readonly Tag Tag;
    internal readonly int Aux;

    private Value(Tag tag, long payload, int aux = 0, object? obj = null)
    {
        Tag = tag;
        Payload = payload;
        Aux = aux;
        Object = obj;
    }

    /// <summary>An absent optional argument.</summary>
    internal static Value None => default;

    /// <summary>The schema's default.</summary>
    internal static Value Default => new(Tag.Default, 0);

    /// <summary>A native tensor that the caller keeps alive during the call.</summary>
    internal static Value Raw(nint tensor) => new(Tag.Tensor, tensor);

    internal static Value Tensors(IReadOnlyList<Tensor> list) => new(Tag.TensorList, 0, 0, list);
    internal static Value OptionalTensors(IReadOnlyList<Tensor?> list) => new(Tag.OptionalTensorList, 0, 0, list);
    internal static Value Optional(long[]? list) => list is null ? default : new(Tag.IntList, 0, 0, list);
    internal static Value Layout(layout value) => new(Tag.Int, (long)value);

    // libtorch numbers contiguous 0 and preserve 1.
    internal static Value Format(memory_format value) => new(Tag.Int, value switch
    {
        memory_format.contiguous_format => 0,
        memory_format.preserve_format => 1,
        _ => 2,
    });

    public static implicit operator Value(Tensor? t) => t is null ? default : new(Tag.Tensor, t.Handle, 0, t);
    public static implicit operator Value(int v) => new(Tag.Int, v);
    public static implicit operator Value(long v) => new(Tag.Int, v);
    public static implicit operator Value(long? v) => v is { } x ? new(Tag.Int, x) : default;
    public static implicit operator Value(double v) => new(Tag.Double, BitConverter.DoubleToInt64Bits(v));
    public static implicit operator Value(double? v) => v is { } x ? new(Tag.Double, BitConverter.DoubleToInt64Bits(x)) : default;
    public static implicit operator Value(bool v) => new(Tag.Bool, v ? 1 : 0);
    public static implicit operator Value(bool? v) => v is { } x ? new(Tag.Bool, x ? 1 : 0) : default;
    public static implicit operator Value(ScalarType v) => new(Tag.Int, (sbyte)v);
    public static implicit operator Value(ScalarType? v) => v is { } x ? new(Tag.Int, (sbyte)x) : default;
    public static implicit operator Value(long[] v) => new(Tag.IntList, 0, 0, v);
    public static implicit operator Value(Size v) => new(Tag.IntList, 0, 0, v.Shape);
    public static implicit operator Value(double[]? v) => v is null ? default : new(Tag.DoubleList, 0, 0, v);
    public static implicit operator Value(bool[] v) => new(Tag.BoolList, 0, 0, v);
    public static implicit operator Value(string? v) => v is null ? default : new(Tag.String, 0, 0, v);
    public static implicit operator Value(Device? v) => v is null ? default : new(Tag.Device, (long)v.type, v.index);
    public static implicit operator Value(Generator? v) => v is null ? default : new(Tag.Generator, v.Handle, 0, v);

    public static implicit operator Value(Scalar? v) => v?.Kind switch
    {
        null => default,
        Scalar.Storage.Integer => new(Tag.Int, v.Bits),
        Scalar.Storage.Boolean => new(Tag.Bool, v.Bits),
        Scalar.Storage.Real => new(Tag.Double, v.Bits),
        _ => new(Tag.Complex, 0, 0, new[] { BitConverter.Int64BitsToDouble(v.Bits), v.Imaginary }),
    };
}

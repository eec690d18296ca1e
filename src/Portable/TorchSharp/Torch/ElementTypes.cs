using TorchSharp.Interop;

namespace TorchSharp;

// What element types are, and which ones are meant where none is given.
public static partial class torch
{
    private static readonly Operator s_resultType = new("result_type", "Tensor");
    private static readonly Operator s_promoteTypes = new("promote_types");
    private static readonly Operator s_canCast = new("can_cast");
    private static ScalarType s_defaultType = ScalarType.Float32;

    public static ScalarType get_default_dtype() => s_defaultType;

    /// <summary>The element type of tensors that are created without one, from now on and for all threads.</summary>
    public static void set_default_dtype(ScalarType dtype) => s_defaultType = dtype;

    public static void set_default_tensor_type(Tensor t) => s_defaultType = t.dtype;

    public static bool is_integral(ScalarType type) =>
        type is ScalarType.Byte or ScalarType.Int8 or ScalarType.Int16 or ScalarType.Int32 or ScalarType.Int64 or ScalarType.Bool;

    public static bool is_floating_point(ScalarType type) =>
        type is ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float32 or ScalarType.Float64;

    public static bool is_complex(ScalarType type) => type is ScalarType.ComplexFloat32 or ScalarType.ComplexFloat64;

    public static bool is_quantized(ScalarType type) => type is ScalarType.QInt8 or ScalarType.QUInt8 or ScalarType.QInt32;

    public static bool is_integral(Tensor t) => is_integral(t.dtype);

    public static bool is_floating_point(Tensor input) => is_floating_point(input.dtype);

    public static bool is_complex(Tensor input) => is_complex(input.dtype);

    public static long max_int_value(ScalarType type) => type switch
    {
        ScalarType.Byte => byte.MaxValue,
        ScalarType.Int8 => sbyte.MaxValue,
        ScalarType.Int16 => short.MaxValue,
        ScalarType.Int32 => int.MaxValue,
        ScalarType.Int64 => long.MaxValue,
        _ => throw new ArgumentException($"{type} is not an integer type."),
    };

    /// <summary>The element type of a sum of two tensors.</summary>
    public static ScalarType result_type(Tensor tensor1, Tensor tensor2) => (ScalarType)s_resultType.CallInt(tensor1, tensor2);

    /// <summary>The smallest element type that holds the values of both.</summary>
    public static ScalarType promote_types(ScalarType type1, ScalarType type2) => (ScalarType)s_promoteTypes.CallInt(type1, type2);

    public static bool can_cast(ScalarType from, ScalarType to) => s_canCast.CallBool(from, to);
}

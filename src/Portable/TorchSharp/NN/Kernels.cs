using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp;

/// <summary>The few operators that the modules themselves need.</summary>
internal static class Kernels
{
    private static readonly Operator s_empty = new("empty", "memory_format");
    private static readonly Operator s_zero = new("zero_");
    private static readonly Operator s_fill = new("fill_", "Scalar");
    private static readonly Operator s_copy = new("copy_");
    private static readonly Operator s_to = new("to", "device");
    private static readonly Operator s_add = new("add_", "Scalar");
    private static readonly Operator s_contiguous = new("contiguous");
    private static readonly Operator s_item = new("_local_scalar_dense");
    private static readonly Operator s_detach = new("detach");
    private static readonly Operator s_select = new("select", "int");

    internal static ScalarType DefaultType => get_default_dtype();

    internal static Tensor Empty(long[] shape, Device? device, ScalarType? dtype) => s_empty.Call(shape, dtype ?? DefaultType, Value.None, device ?? get_default_device());

    internal static Tensor ZeroInPlace(Tensor t) => s_zero.CallInto(t, t);

    internal static Tensor FillInPlace(Tensor t, double value) => s_fill.CallInto(t, t, value);

    internal static Tensor AddInPlace(Tensor t, long value) => s_add.CallInto(t, t, value);

    internal static Tensor CopyInPlace(Tensor target, Tensor source) => s_copy.CallInto(target, target, source);

    /// <summary>A tensor over the same memory without its history, which a parameter can take over; a copy where it must be converted.</summary>
    internal static Modules.Parameter Share(Tensor t, Device? device, ScalarType? dtype, bool requiresGrad)
    {
        using Tensor converted = To(t, dtype ?? t.dtype, device ?? t.device);
        return new Modules.Parameter(s_detach.Call(converted), requiresGrad);
    }

    internal static void ZeroRow(Tensor t, long row)
    {
        using IDisposable noGrad = no_grad();
        using Tensor selected = s_select.Call(t, 0, row);
        ZeroInPlace(selected);
    }

    internal static Tensor To(Tensor t, ScalarType type, Device device) => s_to.Call(t, device, type);

    internal static Tensor Contiguous(Tensor t) => s_contiguous.Call(t);

    /// <summary>The value of a tensor with one element.</summary>
    internal static double Item(Tensor t)
    {
        using Tensor real = t.dtype == ScalarType.Float64 ? t.alias() : To(t, ScalarType.Float64, t.device);
        return s_item.CallDouble(real);
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private static readonly Operator s_arange = new("arange", "start_step");
    private static readonly Operator s_linspace = new("linspace");
    private static readonly Operator s_logspace = new("logspace");
    private static readonly Operator s_eye = new("eye", "m");
    private static readonly Operator s_emptyStrided = new("empty_strided");
    private static readonly Operator s_trilIndices = new("tril_indices");
    private static readonly Operator s_triuIndices = new("triu_indices");
    private static readonly Operator s_sparseCoo = new("sparse_coo_tensor", "indices_size");
    private static readonly Operator s_complex = new("complex");
    private static readonly Operator s_polar = new("polar");

    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
    {
        ScalarType type = dtype ?? (is_integral(start.Type) && is_integral(stop.Type) && is_integral(step.Type) ? ScalarType.Int64 : get_default_dtype());
        return Finish(s_arange.Call(start, stop, step, type, Value.None, Placed(device)), requires_grad);
    }

    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, 1, dtype, device, requires_grad);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(0, stop, 1, dtype, device, requires_grad);

    public static Tensor linspace(double start, double end, long steps, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_linspace.Call(start, end, steps, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor logspace(double start, double end, long steps, double @base = 10, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_logspace.Call(start, end, steps, @base, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor eye(long rows, long columns = -1, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_eye.Call(rows, columns == -1 ? rows : columns, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad, names);

    public static Tensor empty_strided(long[] size, long[] strides, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_emptyStrided.Call(size, strides, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad, names);

    public static Tensor tril_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        s_trilIndices.Call(row, col, offset, OfIntegers(dtype), Value.None, Placed(device ?? CPU));

    public static Tensor triu_indices(long row, long col, long offset = 0, ScalarType dtype = ScalarType.Int64, Device? device = null) =>
        s_triuIndices.Call(row, col, offset, OfIntegers(dtype), Value.None, Placed(device ?? CPU));

    private static ScalarType OfIntegers(ScalarType dtype) =>
        is_integral(dtype) ? dtype : throw new ArgumentException($"{nameof(dtype)} ({dtype}) must be of integers.", nameof(dtype));

    public static Tensor sparse_coo_tensor(Tensor indices, Tensor values, long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        Finish(s_sparseCoo.Call(indices, values, size, dtype ?? values.dtype, Value.None, device is null ? Value.None : Placed(device)), requires_grad, names);

    public static Tensor complex(Tensor real, Tensor imag) => s_complex.Call(real, imag);

    public static Tensor polar(Tensor abs, Tensor angle) => s_polar.Call(abs, angle);

    // The device argument of an operator that creates a tensor.
    private static Value Placed(Device? device)
    {
        Device place = InitializeDevice(device);
        return place.type == DeviceType.CPU ? Value.None : place;
    }

    private static Tensor Finish(Tensor created, bool requires_grad, string[]? names = null)
    {
        if (!requires_grad && names is not { Length: > 0 }) return created;
        try
        {
            if (names is { Length: > 0 })
                throw new NotSupportedException($"names ({string.Join(", ", names)}): dimensions cannot be named here. Leave names out and keep the order of the axes.");
            return created.requires_grad_();
        }
        catch
        {
            created.Dispose();
            throw;
        }
    }

    /// <summary>A tensor with a copy of the elements; they may be more than the shape asks for.</summary>
    private static unsafe Tensor Copy<T>(ReadOnlySpan<T> elements, ReadOnlySpan<long> shape, ScalarType? dtype, Device? device, bool requires_grad, string[]? names)
        where T : unmanaged
    {
        long count = CountOf(shape, elements.Length);
        Tensor t = s_empty.Call(shape.ToArray(), ToScalarType(typeof(T)));
        elements[..(int)count].CopyTo(new Span<T>((void*)Native.pt_data(t.handle), (int)count));
        return Convert(t, dtype, device, requires_grad, names);
    }

    private static Tensor Single<T>(T value, ScalarType? dtype, Device? device, bool requires_grad) where T : unmanaged =>
        Copy<T>(new ReadOnlySpan<T>(in value), [], dtype, device, requires_grad, null);

    /// <summary>Brings a new tensor on the CPU to its element type and device; it is disposed where that makes another one.</summary>
    private static Tensor Convert(Tensor t, ScalarType? dtype, Device? device, bool requires_grad, string[]? names)
    {
        Device place = InitializeDevice(device);
        if (place.type != DeviceType.CPU || (dtype is { } type && type != t.dtype))
        {
            using (t) return Finish(t.to(dtype ?? t.dtype, place), requires_grad, names);
        }
        return Finish(t, requires_grad, names);
    }

    private static long CountOf(ReadOnlySpan<long> shape, long available)
    {
        long count = 1;
        foreach (long length in shape)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(shape));
            count = checked(count * length);
        }
        if (count > available) throw new ArgumentException($"mismatched total size creating a tensor from an array: {count} vs. {available}");
        return count;
    }

    private static ReadOnlySpan<T> Elements<T>(IList<T> list) => list switch
    {
        T[] array => array,
        List<T> some => CollectionsMarshal.AsSpan(some),
        _ => list.ToArray(),
    };

    private static ReadOnlySpan<T> Elements<T>(Array array) where T : unmanaged =>
        MemoryMarshal.CreateReadOnlySpan(ref Unsafe.As<byte, T>(ref MemoryMarshal.GetArrayDataReference(array)), array.Length);

    private static long[] Shape(Array array)
    {
        var shape = new long[array.Rank];
        for (int i = 0; i < shape.Length; i++) shape[i] = array.GetLongLength(i);
        return shape;
    }
}

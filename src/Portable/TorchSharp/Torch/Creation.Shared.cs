using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

// Tensors over the memory of a .NET array: both see each other's changes. The array stays pinned until torch lets go of it.
public static partial class torch
{
    private static readonly Operator s_fromFile = new("from_file");

    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device ?? CPU);

    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Type element = ElementOf(rawArray);
        long[] shape = Shape(rawArray);
        // The runtime does not pin arrays of tuples.
        if (element == typeof((float, float))) return Copy(Elements<(float, float)>(rawArray), shape, dtype, device, requires_grad, names);
        return Convert(Over(rawArray, 0, shape, ToScalarType(element)), dtype, device, requires_grad, names);
    }

    /// <summary>A 1-D tensor over an array's elements; offset and count are numbers of elements.</summary>
    public static Tensor frombuffer(Array rawArray, ScalarType dtype, long count = -1, long offset = 0, bool requires_grad = false)
    {
        long length = rawArray.LongLength;
        if (offset < 0 || offset >= length) throw new ArgumentException($"invalid value for 'offset': {offset}");
        if (count < 0) count = length - offset;
        if (count > length - offset) throw new IndexOutOfRangeException($"element count is too large: {count}");

        Type element = ElementOf(rawArray);
        if (element == typeof((float, float))) throw new NotSupportedException("frombuffer cannot share the memory of an array of (float, float). Use torch.tensor, which copies.");
        return Convert(Over(rawArray, offset, [count], ToScalarType(element)), dtype, CPU, requires_grad, null);
    }

    public static Tensor from_file(string filename, bool? shared = null, long? size = 0, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        Finish(s_fromFile.Call(filename, shared, size, dtype ?? get_default_dtype(), Value.None, Placed(device)), requires_grad);

    public static Tensor as_tensor(Tensor data, ScalarType? dtype = null, Device? device = null)
    {
        bool sameType = dtype is null || dtype == data.dtype;
        bool samePlace = device is null || (device.type == data.device_type && (device.index < 0 || device.index == data.device_index));
        return sameType && samePlace ? data.alias() : data.to(dtype ?? data.dtype, device ?? data.device);
    }

    public static Tensor as_tensor(Array data, ScalarType? dtype = null, Device? device = null) => from_array(data, dtype, device);

    public static Tensor as_tensor(IList<Complex> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<(float, float)> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<BFloat16> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<bool> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<byte> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<double> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<float> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<int> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<long> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<sbyte> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(IList<short> rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray.ToArray(), dtype, device);

    public static Tensor as_tensor(Complex[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor((float, float)[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(BFloat16[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(byte[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(long[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(sbyte[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    public static Tensor as_tensor(short[] rawArray, ScalarType? dtype = null, Device? device = null) =>
        from_array(rawArray, dtype, device);

    private static Type ElementOf(Array array) => array.GetType().GetElementType()!;

    private static unsafe Tensor Over(Array array, long offset, long[] shape, ScalarType type)
    {
        var pin = GCHandle.Alloc(array, GCHandleType.Pinned);
        nint data = pin.AddrOfPinnedObject() + (nint)(offset * type.ElementSize());
        fixed (long* sizes = shape)
            return new Tensor(Errors.Check(Native.pt_from_blob(data, sizes, null, shape.Length, (int)type, &Unpin, GCHandle.ToIntPtr(pin))));
    }

    // Called by torch, on any thread, when the last tensor over the memory is gone.
    [UnmanagedCallersOnly]
    private static void Unpin(nint pin) => GCHandle.FromIntPtr(pin).Free();
}

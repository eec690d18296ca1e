using System.Numerics;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private static readonly Operator s_to = new("to", "dtype_layout");
        private static readonly Operator s_pinMemory = new("pin_memory");
        private static readonly Operator s_isPinned = new("is_pinned");
        private static readonly Operator s_toDense = new("to_dense");
        private static readonly Operator s_toSparse = new("to_sparse");
        private static readonly Operator s_toSparseDims = new("to_sparse", "sparse_dim");
        private static readonly Operator s_indices = new("_indices");
        private static readonly Operator s_values = new("_values");

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, null, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, null, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(type, InitializeDevice(device), copy, disposeAfter, non_blocking);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(null, InitializeDevice(device), copy, disposeAfter, non_blocking);

        public Tensor to(DeviceType deviceType, int deviceIndex = -1, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(deviceType, deviceIndex), copy, disposeAfter, non_blocking);

        public Tensor to(string device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            to(new Device(device), copy, disposeAfter, non_blocking);

        /// <summary>To the element type and the device of another tensor.</summary>
        public Tensor to(Tensor other, bool non_blocking = false) => To(other.dtype, other.device, false, false, non_blocking);

        public Tensor type(ScalarType dtype) => to_type(dtype);

        public Tensor type(Func<Tensor, Tensor> typeFunc) => typeFunc(this);

        public Tensor type_as(Tensor tensor) => to_type(tensor.dtype);

        public Tensor cpu() => To(null, CPU, false, false, false);

        /// <exception cref="ArgumentException">The device is not a CUDA device.</exception>
        public Tensor cuda(Device? device = null, bool non_blocking = false)
        {
            if (device is not null && device.type != DeviceType.CUDA) throw new ArgumentException($"{device} is not a CUDA device.", nameof(device));
            return To(null, InitializeDevice(device ?? new Device(DeviceType.CUDA)), false, false, non_blocking);
        }

        public Tensor mps(bool non_blocking = false) => To(null, InitializeDevice(new Device(DeviceType.MPS)), true, false, non_blocking);

        public Tensor @bool() => to_type(ScalarType.Bool);
        public Tensor @byte() => to_type(ScalarType.Byte);
        public Tensor @char() => to_type(ScalarType.Int8);
        public Tensor @short() => to_type(ScalarType.Int16);
        public Tensor @int() => to_type(ScalarType.Int32);
        public Tensor @long() => to_type(ScalarType.Int64);
        public Tensor half() => to_type(ScalarType.Float16);
        public Tensor bfloat16() => to_type(ScalarType.BFloat16);
        public Tensor @float() => to_type(ScalarType.Float32);
        public Tensor @double() => to_type(ScalarType.Float64);
        public Tensor cfloat() => to_type(ScalarType.ComplexFloat32);
        public Tensor cdouble() => to_type(ScalarType.ComplexFloat64);

        public bool is_integral() => torch.is_integral(dtype);

        public bool is_floating_point() => torch.is_floating_point(dtype);

        public bool is_complex() => torch.is_complex(dtype);

        public bool is_quantized() => torch.is_quantized(dtype);

        /// <summary>A copy in page-locked memory, from which a copy to CUDA can overlap with work.</summary>
        public Tensor pin_memory() => s_pinMemory.Call(this);

        public bool is_pinned() => s_isPinned.CallBool(this);

        public Tensor to_dense() => s_toDense.Call(this);

        public Tensor to_sparse() => s_toSparse.Call(this);

        public Tensor to_sparse(int sparse_dim) => s_toSparseDims.Call(this, sparse_dim);

        /// <summary>The places of a sparse tensor's elements; one may be there more than once, and its elements then add up.</summary>
        public Tensor SparseIndices => s_indices.Call(this);

        /// <summary>The elements that a sparse tensor holds, in the order of <see cref="SparseIndices"/>.</summary>
        public Tensor SparseValues => s_values.Call(this);

        public static implicit operator Tensor(byte value) => tensor(value);
        public static implicit operator Tensor(sbyte value) => tensor(value);
        public static implicit operator Tensor(short value) => tensor(value);
        public static implicit operator Tensor(int value) => tensor(value);
        public static implicit operator Tensor(long value) => tensor(value);
        public static implicit operator Tensor(float value) => tensor(value);
        public static implicit operator Tensor(double value) => tensor(value);
        public static implicit operator Tensor(bool value) => tensor(value);
        public static implicit operator Tensor((float, float) value) => tensor(value);
        public static implicit operator Tensor(Complex value) => tensor(value);
        public static implicit operator Tensor(byte[] value) => tensor(value);
        public static implicit operator Tensor(sbyte[] value) => tensor(value);
        public static implicit operator Tensor(short[] value) => tensor(value);
        public static implicit operator Tensor(int[] value) => tensor(value);
        public static implicit operator Tensor(long[] value) => tensor(value);
        public static implicit operator Tensor(float[] value) => tensor(value);
        public static implicit operator Tensor(double[] value) => tensor(value);
        public static implicit operator Tensor(bool[] value) => tensor(value);
        public static implicit operator Tensor((float, float)[] value) => tensor(value);
        public static implicit operator Tensor(Complex[] value) => tensor(value);

        /// <summary>Exists for overload resolution alone.</summary>
        public static implicit operator Tensor(Scalar scalar) => throw new InvalidOperationException("A Scalar is not a Tensor.");

        public static explicit operator float(Tensor value) => value.ToSingle();
        public static explicit operator double(Tensor value) => value.ToDouble();
        public static explicit operator sbyte(Tensor value) => value.ToSByte();
        public static explicit operator byte(Tensor value) => value.ToByte();
        public static explicit operator short(Tensor value) => value.ToInt16();
        public static explicit operator int(Tensor value) => value.ToInt32();
        public static explicit operator long(Tensor value) => value.ToInt64();
        public static explicit operator bool(Tensor value) => value.ToBoolean();

        private Tensor To(ScalarType? type, Device? place, bool copy, bool disposeAfter, bool non_blocking)
        {
            bool same = !copy && (type is null || type == dtype)
                && (place is null || (place.type == device_type && (place.type == DeviceType.CPU || place.index == device_index)));
            Tensor result = same ? alias() : s_to.Call(this, type, Value.None, place, Value.None, non_blocking, copy);
            if (disposeAfter) Dispose();
            return result;
        }
    }

    public static Tensor BoolTensor(Tensor t) => t.@bool();
    public static Tensor ByteTensor(Tensor t) => t.@byte();
    public static Tensor ShortTensor(Tensor t) => t.@short();
    public static Tensor IntTensor(Tensor t) => t.@int();
    public static Tensor LongTensor(Tensor t) => t.@long();
    public static Tensor FloatTensor(Tensor t) => t.@float();
    public static Tensor DoubleTensor(Tensor t) => t.@double();
}

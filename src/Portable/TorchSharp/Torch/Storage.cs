using System.Numerics;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The memory under a tensor: all of it, whatever part of it the tensor shows.</summary>
    public abstract class Storage
    {
        /// <summary>Keeps the memory.</summary>
        protected Tensor? _tensor;

        protected nint _tensor_data_ptr;

        protected Storage()
        {
        }

        protected Storage(Tensor tensor)
        {
            _tensor = tensor;
            _tensor_data_ptr = data_ptr();
        }

        protected Storage(Tensor tensor, nint data_ptr)
        {
            _tensor = tensor;
            _tensor_data_ptr = data_ptr == 0 ? this.data_ptr() : data_ptr;
        }

        /// <summary>The memory of the tensor, or of a copy of it with the element type asked for.</summary>
        internal static Storage<T> Of<T>(Tensor tensor) where T : unmanaged
        {
            // These are the types that storages have.
            bool known = typeof(T) == typeof(byte) || typeof(T) == typeof(bool) || typeof(T) == typeof(int) || typeof(T) == typeof(long)
                || typeof(T) == typeof(float) || typeof(T) == typeof(double) || typeof(T) == typeof((float, float)) || typeof(T) == typeof(Complex);
            if (!known) throw new NotSupportedException($"There is no storage of {typeof(T).Name}. Use bytes, or data<{typeof(T).Name}>().");
            return new Storage<T>(tensor.to_type(ToScalarType(typeof(T))));
        }

        protected static Tensor CreateTypedTensor<T>(ScalarType dtype, IList<T> rawArray) => from_array(rawArray.ToArray(), dtype, CPU);

        public Storage<bool> @bool() => Owner.storage<bool>();
        public Storage<byte> @byte() => Owner.storage<byte>();
        public Storage<char> @char() => Owner.storage<char>();
        public Storage<int> @int() => Owner.storage<int>();
        public Storage<long> @long() => Owner.storage<long>();
        public Storage<float> @float() => Owner.storage<float>();
        public Storage<double> @double() => Owner.storage<double>();
        public Storage<(float, float)> complex_float() => Owner.storage<(float, float)>();
        public Storage<Complex> complex_double() => Owner.storage<Complex>();

        public abstract int element_size();

        /// <summary>The address of the first byte, on the tensor's device.</summary>
        public nint data_ptr()
        {
            if (_tensor_data_ptr != 0) return _tensor_data_ptr;
            nint data = Native.pt_storage_data(Owner.Handle);
            GC.KeepAlive(this);
            return data;
        }

        public ulong nbytes()
        {
            long count = Native.pt_storage_bytes(Owner.Handle);
            GC.KeepAlive(this);
            return (ulong)count;
        }

        private protected Tensor Owner => _tensor ?? throw new InvalidOperationException("This storage is a single value, or it was disposed.");
    }

    public partial class Tensor
    {
        /// <summary>The memory that the tensor lies in; a copy where its elements are of another type.</summary>
        public Storage<T> storage<T>() where T : unmanaged => Storage.Of<T>(this);
    }

    public static bool is_storage(object obj) => obj is Storage;

    public static bool is_tensor(object obj) => obj is Tensor;
}

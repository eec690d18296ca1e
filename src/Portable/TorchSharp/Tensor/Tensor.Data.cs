using System.Numerics;
using System.Runtime.InteropServices;
using TorchSharp.Interop;
using TorchSharp.Utils;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private static readonly Operator s_clone = new("clone");
        private static readonly Operator s_contiguous = new("contiguous");
        private static readonly Operator s_detach = new("detach");
        private static readonly Operator s_detach_ = new("detach_");
        private static readonly Operator s_copy_ = new("copy_");
        private static readonly Operator s_fill_ = new("fill_", "Scalar");
        private static readonly Operator s_zero_ = new("zero_");
        private static readonly Operator s_set_ = new("set_", "source_Tensor");

        public Tensor clone() => s_clone.Call(this);

        public Tensor contiguous() => is_contiguous() ? alias() : s_contiguous.Call(this);

        /// <summary>A tensor over the same memory that no gradient flows through.</summary>
        public Tensor detach() => s_detach.Call(this);

        public Tensor detach_() => s_detach_.CallInto(this, this);

        public Tensor copy_(Tensor source, bool nonBlocking = false) => s_copy_.CallInto(this, this, source, nonBlocking);

        public Tensor fill_(Scalar value) => s_fill_.CallInto(this, this, value);

        public Tensor zero_() => s_zero_.CallInto(this, this);

        /// <summary>Takes over the memory, shape and strides of another tensor.</summary>
        public Tensor set_(Tensor source) => s_set_.CallInto(this, this, source);

        /// <summary>The elements as .NET values; of a copy where they are not in the CPU's memory, or conjugated or negated there.</summary>
        /// <exception cref="ArgumentException">The tensor's elements are of another type.</exception>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            CheckElementType(typeof(T));
            if (IsLazy)
            {
                using Tensor here = cpu();
                return new TensorAccessor<T>(here.Resolved());
            }
            return new TensorAccessor<T>(device_type == DeviceType.CPU ? this : cpu());
        }

        /// <summary>The value of a tensor with one element.</summary>
        public unsafe T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1) throw new ArgumentException("Number of elements in the tensor must be 1");
            CheckElementType(typeof(T));
            if (device_type != DeviceType.CPU)
            {
                using Tensor here = cpu();
                return here.item<T>();
            }
            if (IsLazy)
            {
                using Tensor resolved = Resolved();
                return resolved.item<T>();
            }
            T value = *(T*)DataPointer;
            GC.KeepAlive(this);
            return value;
        }

        public Scalar ToScalar()
        {
            if (NumberOfElements != 1) throw new ExternalException($"a Tensor with {NumberOfElements} elements cannot be converted to Scalar");
            return dtype switch
            {
                ScalarType.Byte => item<byte>().ToScalar(),
                ScalarType.Int8 => item<sbyte>().ToScalar(),
                ScalarType.Int16 => item<short>().ToScalar(),
                ScalarType.Int32 => item<int>().ToScalar(),
                ScalarType.Int64 => item<long>().ToScalar(),
                ScalarType.Bool => item<bool>().ToScalar(),
                ScalarType.Float16 => item<Half>().ToScalar(),
                ScalarType.BFloat16 => item<BFloat16>().ToScalar(),
                ScalarType.Float32 => item<float>().ToScalar(),
                ScalarType.Float64 => item<double>().ToScalar(),
                ScalarType.ComplexFloat32 => item<(float, float)>().ToScalar(),
                ScalarType.ComplexFloat64 => item<Complex>().ToScalar(),
                var type => throw new InvalidOperationException($"An element of type {type} cannot be converted to a Scalar."),
            };
        }

        /// <summary>The tensor's own memory. It is valid while the tensor is.</summary>
        /// <exception cref="InvalidOperationException">The tensor is not contiguous, not in the CPU's memory, or conjugated or negated there.</exception>
        public unsafe Span<byte> bytes
        {
            get
            {
                long count = ByteCount();
                if (count > int.MaxValue) throw new ArgumentException($"A span cannot hold {count} bytes. Use WriteBytesToStream.");
                return new Span<byte>((void*)DataPointer, (int)count);
            }
            set
            {
                long count = ByteCount();
                if (count != value.Length) throw new ArgumentException($"Mismatched data sizes: the tensor has {count} bytes, the span {value.Length}.");
                value.CopyTo(new Span<byte>((void*)DataPointer, value.Length));
                GC.KeepAlive(this);
            }
        }

        /// <summary>Writes the tensor's own memory.</summary>
        /// <exception cref="InvalidOperationException">As for <see cref="bytes"/>.</exception>
        public unsafe void WriteBytesToStream(Stream stream, int bufferSize = 1024)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferSize);
            long left = ByteCount();
            int most = Math.Max(bufferSize, 1 << 20);   // straight from the tensor's memory, so larger pieces cost nothing
            for (byte* from = (byte*)DataPointer; left > 0;)
            {
                int part = (int)Math.Min(left, most);
                stream.Write(new ReadOnlySpan<byte>(from, part));
                from += part;
                left -= part;
            }
            GC.KeepAlive(this);
        }

        /// <summary>Fills the tensor's own memory.</summary>
        /// <exception cref="InvalidOperationException">As for <see cref="bytes"/>.</exception>
        /// <exception cref="EndOfStreamException">The stream holds fewer bytes than the tensor.</exception>
        public unsafe void ReadBytesFromStream(Stream stream, int bufferSize = 1024)
        {
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(bufferSize);
            long left = ByteCount();
            int most = Math.Max(bufferSize, 1 << 20);
            for (byte* to = (byte*)DataPointer; left > 0;)
            {
                int part = (int)Math.Min(left, most);
                stream.ReadExactly(new Span<byte>(to, part));
                to += part;
                left -= part;
            }
            GC.KeepAlive(this);
        }

        public T ReadCpuValue<T>(long i) where T : unmanaged => TensorAccessor<T>.Read(this, i);
        public bool ReadCpuBool(long i) => ReadCpuValue<bool>(i);
        public byte ReadCpuByte(long i) => ReadCpuValue<byte>(i);
        public sbyte ReadCpuSByte(long i) => ReadCpuValue<sbyte>(i);
        public short ReadCpuInt16(long i) => ReadCpuValue<short>(i);
        public int ReadCpuInt32(long i) => ReadCpuValue<int>(i);
        public long ReadCpuInt64(long i) => ReadCpuValue<long>(i);
        public float ReadCpuSingle(long i) => ReadCpuValue<float>(i);
        public double ReadCpuDouble(long i) => ReadCpuValue<double>(i);

        /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
        public float ReadCpuFloat16(long i) => (float)ReadCpuValue<Half>(WithinElements(i));

        /// <exception cref="IndexOutOfRangeException">There is no such element.</exception>
        public float ReadCpuBFloat16(long i) => ReadCpuValue<BFloat16>(WithinElements(i)).ToSingle();

        private long WithinElements(long i) =>
            i >= 0 && i < NumberOfElements ? i : throw new IndexOutOfRangeException($"Index {i} is not within the tensor's {NumberOfElements} elements.");

        internal void CheckElementType(Type type)
        {
            ScalarType mine = dtype;
            Type? expected = mine switch
            {
                ScalarType.Float32 => typeof(float),
                ScalarType.Float64 => typeof(double),
                ScalarType.Float16 => typeof(Half),
                ScalarType.BFloat16 => typeof(BFloat16),
                ScalarType.Int64 => typeof(long),
                ScalarType.Int32 => typeof(int),
                ScalarType.Int16 => typeof(short),
                ScalarType.Int8 => typeof(sbyte),
                ScalarType.Byte => typeof(byte),
                ScalarType.Bool => typeof(bool),
                ScalarType.ComplexFloat32 => typeof((float, float)),
                ScalarType.ComplexFloat64 => typeof(Complex),
                _ => null,
            };
            if (type != expected) throw new ArgumentException($"{type.Name} is not compatible with {mine}");
        }

        private long ByteCount()
        {
            if (!is_contiguous()) throw new InvalidOperationException("The bytes of a tensor that is not contiguous cannot be used as they lie. Call contiguous() first.");
            return NumberOfElements * ElementSize;
        }
    }
}

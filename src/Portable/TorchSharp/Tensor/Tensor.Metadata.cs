using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        public long Dimensions => Native.pt_dim(Handle);

        public long dim() => Dimensions;

        public long ndim => Dimensions;

        public long NumberOfElements => Native.pt_numel(Handle);

        public long numel() => NumberOfElements;

        public long ElementSize => Native.pt_itemsize(Handle);

        public long element_size() => ElementSize;

        public ScalarType dtype => (ScalarType)Native.pt_dtype(Handle);

        public unsafe DeviceType device_type
        {
            get
            {
                int index;
                return (DeviceType)Native.pt_device(Handle, &index);
            }
        }

        public unsafe int device_index
        {
            get
            {
                int index;
                Native.pt_device(Handle, &index);
                return index;
            }
        }

        public unsafe Device device
        {
            get
            {
                int index;
                var type = (DeviceType)Native.pt_device(Handle, &index);
                return type == DeviceType.CPU ? CPU : new Device(type, index);
            }
        }

        public bool is_cuda => device_type == DeviceType.CUDA;

        public bool is_meta => device_type == DeviceType.META;

        public bool is_cpu() => device_type == DeviceType.CPU;

        public bool is_sparse => Native.pt_is_sparse(Handle) != 0;

        public unsafe long[] shape
        {
            get
            {
                var sizes = new long[Dimensions];
                fixed (long* p = sizes) Native.pt_sizes(Handle, p);
                GC.KeepAlive(this);
                return sizes;
            }
        }

        public long[] size() => shape;

        /// <summary>The length of an axis; a negative number counts from the last.</summary>
        /// <exception cref="ExternalException">There is no such axis.</exception>
        public unsafe long size(int dim)
        {
            long rank = Dimensions;
            if (dim < -rank || dim >= rank) throw NoAxis(dim, rank);
            long* sizes = stackalloc long[(int)rank];
            Native.pt_sizes(Handle, sizes);
            GC.KeepAlive(this);
            return sizes[dim < 0 ? dim + rank : dim];
        }

        public unsafe long[] stride()
        {
            var strides = new long[Dimensions];
            fixed (long* p = strides) Native.pt_strides(Handle, p);
            GC.KeepAlive(this);
            return strides;
        }

        /// <summary>The elements from one place to the next along an axis; a negative number counts from the last.</summary>
        /// <exception cref="ExternalException">There is no such axis.</exception>
        public long stride(int dim)
        {
            long[] strides = stride();
            if (dim < -strides.Length || dim >= strides.Length) throw NoAxis(dim, strides.Length);
            return strides[dim < 0 ? dim + strides.Length : dim];
        }

        // As libtorch says it.
        private static ExternalException NoAxis(int dim, long rank) => new(rank == 0
            ? $"Dimension specified as {dim} but tensor has no dimensions"
            : $"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})");

        public bool is_contiguous()
        {
            int result = Native.pt_is_contiguous(Handle);
            GC.KeepAlive(this);
            return result != 0;
        }

        public long storage_offset()
        {
            long offset = Native.pt_storage_offset(Handle);
            GC.KeepAlive(this);
            return offset;
        }

        /// <summary>Whether the elements are the conjugates or the negatives of those in memory, which libtorch only notes.</summary>
        internal bool IsLazy => Native.pt_is_lazy(Handle) != 0;

        /// <summary>The address of the first element; for memory that managed code can reach and that holds the elements as they are.</summary>
        internal nint DataPointer
        {
            get
            {
                if (device_type != DeviceType.CPU)
                    throw new InvalidOperationException("Reading data from non-CPU memory is not supported. Move or copy the tensor to the cpu before reading.");
                if (IsLazy)
                    throw new InvalidOperationException("The memory of a conjugated or negated tensor does not hold its elements as they are. Call resolve_conj() and resolve_neg() first.");
                nint data = Native.pt_data(Handle);
                if (data == 0 && NumberOfElements > 0) Errors.Throw();
                GC.KeepAlive(this);
                return data;
            }
        }
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Parts along an axis.

        private static readonly Operator s_select = new("select", "int");
        public Tensor select(long dim, long index) => s_select.Call(this, dim, index);

        private static readonly Operator s_narrow = new("narrow");
        public Tensor narrow(long dim, long start, long length) => s_narrow.Call(this, dim, start, length);

        private static readonly Operator s_slice = new("slice", "Tensor");
        /// <exception cref="ArgumentException">The step is not positive.</exception>
        public Tensor slice(long dim, long start, long finish, long step) =>
            step > 0 ? s_slice.Call(this, dim, start, finish, step) : throw new ArgumentException($"{nameof(step)} ({step}) must be positive.", nameof(step));

        private static readonly Operator s_chunk = new("chunk");
        public Tensor[] chunk(long chunks, long dim = 0) => s_chunk.CallList(this, chunks, dim);

        private static readonly Operator s_split = new("split", "Tensor");
        private static readonly Operator s_split_sizes = new("split_with_sizes");
        public Tensor[] split(ReadOnlySpan<long> sizes, long dim = 0) => split(sizes.ToArray(), dim);
        public Tensor[] split(long size, int dim = 0) => s_split.CallList(this, size, dim);
        public Tensor[] split(long[] sizes, long dim = 0) => s_split_sizes.CallList(this, sizes, dim);
        public Tensor[] split(params long[] sizes) => split(sizes, 0);

        private static readonly Operator s_tensor_split = new("tensor_split", "sections");
        private static readonly Operator s_tensor_split_indices = new("tensor_split", "indices");
        private static readonly Operator s_tensor_split_tensor = new("tensor_split", "tensor_indices_or_sections");
        public Tensor[] tensor_split(Tensor indices, long dim = 0) => s_tensor_split_tensor.CallList(this, OfInt64(indices), dim);
        public Tensor[] tensor_split(long size, long dim = 0) => s_tensor_split.CallList(this, size, dim);
        public Tensor[] tensor_split(long[] sizes, long dim = 0) => s_tensor_split_indices.CallList(this, sizes, dim);

        private static readonly Operator s_unbind = new("unbind", "int");
        public Tensor[] unbind(long dimension = 0) => s_unbind.CallList(this, dimension);

        // Parts along the first, second and third axis.

        private static readonly Operator s_vsplit = new("vsplit", "int");
        private static readonly Operator s_vsplit_indices = new("vsplit", "array");
        public Tensor[] vsplit(Tensor indices) => tensor_split(indices, 0);
        /// <exception cref="ArgumentException">The axis cannot be cut into so many parts of the same length.</exception>
        public Tensor[] vsplit(long size) => s_vsplit.CallList(this, Dividing(size, 0));
        public Tensor[] vsplit(params long[] sizes) => s_vsplit_indices.CallList(this, sizes);

        private static readonly Operator s_hsplit = new("hsplit", "int");
        private static readonly Operator s_hsplit_indices = new("hsplit", "array");
        public Tensor[] hsplit(Tensor indices) => tensor_split(indices, 1);
        /// <exception cref="ArgumentException">The axis cannot be cut into so many parts of the same length.</exception>
        public Tensor[] hsplit(long size) => s_hsplit.CallList(this, Dividing(size, ndim == 1 ? 0 : 1));
        public Tensor[] hsplit(params long[] sizes) => s_hsplit_indices.CallList(this, sizes);

        private static readonly Operator s_dsplit = new("dsplit", "int");
        private static readonly Operator s_dsplit_indices = new("dsplit", "array");
        public Tensor[] dsplit((long, long, long, long) indices_or_sections) =>
            dsplit(new[] { indices_or_sections.Item1, indices_or_sections.Item2, indices_or_sections.Item3, indices_or_sections.Item4 });
        public Tensor[] dsplit((long, long, long) indices_or_sections) =>
            dsplit(new[] { indices_or_sections.Item1, indices_or_sections.Item2, indices_or_sections.Item3 });
        public Tensor[] dsplit((long, long) indices_or_sections) => dsplit(new[] { indices_or_sections.Item1, indices_or_sections.Item2 });
        public Tensor[] dsplit(Tensor indices) => tensor_split(indices, 2);
        /// <exception cref="ArgumentException">The axis cannot be cut into so many parts of the same length.</exception>
        public Tensor[] dsplit(long size) => s_dsplit.CallList(this, Dividing(size, 2));
        public Tensor[] dsplit(params long[] sizes) => s_dsplit_indices.CallList(this, sizes);

        private long Dividing(long parts, int axis) =>
            parts > 0 && axis < ndim && size(axis) % parts != 0 ? throw new ArgumentException($"Axis {axis} of ({string.Join(", ", shape)}) cannot be cut into {parts} parts of the same length.", nameof(parts)) : parts;
    }
}

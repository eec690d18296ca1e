using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Elements that an index tensor names.

        private static readonly Operator s_gather = new("gather");
        public Tensor gather(long dim, Tensor index) => s_gather.Call(this, dim, index);

        private static readonly Operator s_scatter = new("scatter", "src");
        private static readonly Operator s_scatter_ = new("scatter_", "src");
        public Tensor scatter(long dim, Tensor index, Tensor src) => s_scatter.Call(this, dim, index, src);
        public Tensor scatter_(long dim, Tensor index, Tensor src) => s_scatter_.CallInto(this, this, dim, index, src);

        private static readonly Operator s_scatter_add = new("scatter_add");
        private static readonly Operator s_scatter_add_ = new("scatter_add_");
        public Tensor scatter_add(long dim, Tensor index, Tensor src) => s_scatter_add.Call(this, dim, index, src);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => s_scatter_add_.CallInto(this, this, dim, index, src);

        private static readonly Operator s_take = new("take");
        public Tensor take(Tensor index) => s_take.Call(this, index);

        private static readonly Operator s_take_along_dim = new("take_along_dim");
        public Tensor take_along_dim(IEnumerable<long> indices)
        {
            using Tensor index = tensor(indices.ToArray());
            return take_along_dim(index);
        }
        public Tensor take_along_dim(IEnumerable<long> indices, long dim)
        {
            using Tensor index = tensor(indices.ToArray());
            return take_along_dim(index, dim);
        }
        public Tensor take_along_dim(Tensor indices) => s_take_along_dim.Call(this, indices);
        public Tensor take_along_dim(Tensor indices, long dim) => s_take_along_dim.Call(this, indices, dim);

        // Slices that an index tensor names.

        private static readonly Operator s_index_select = new("index_select");
        public Tensor index_select(long dim, Tensor index) => s_index_select.Call(this, dim, index);

        private static readonly Operator s_index_add = new("index_add");
        private static readonly Operator s_index_add_ = new("index_add_");
        public Tensor index_add(long dim, Tensor index, Tensor source, Scalar alpha) => s_index_add.Call(this, dim, OfInt64(index), source, alpha);
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha) => s_index_add_.CallInto(this, this, dim, OfInt64(index), source, alpha);

        private static readonly Operator s_index_copy = new("index_copy");
        private static readonly Operator s_index_copy_ = new("index_copy_");
        public Tensor index_copy(long dim, Tensor index, Tensor source) => s_index_copy.Call(this, dim, OfInt64(index), source);
        public Tensor index_copy_(long dim, Tensor index, Tensor source) => s_index_copy_.CallInto(this, this, dim, OfInt64(index), source);

        private static readonly Operator s_index_fill = new("index_fill", "int_Scalar");
        private static readonly Operator s_index_fill_ = new("index_fill_", "int_Scalar");
        public Tensor index_fill(long dim, Tensor index, Scalar value) => s_index_fill.Call(this, dim, OfInt64(index), value);
        public Tensor index_fill_(long dim, Tensor index, Scalar value) => s_index_fill_.CallInto(this, this, dim, OfInt64(index), value);

        private static Tensor OfInt64(Tensor index) =>
            index is null or { dtype: ScalarType.Int64 } ? index! : throw new ArgumentException($"The index has elements of type {index.dtype}, which must be Int64.", nameof(index));

        // Elements that a mask names.

        private static readonly Operator s_where = new("where", "self");
        public Tensor where(Tensor condition, Tensor y) => s_where.Call(OfBool(condition, nameof(condition)), this, y);

        private static readonly Operator s_masked_fill_scalar = new("masked_fill", "Scalar");
        private static readonly Operator s_masked_fill_scalar_ = new("masked_fill_", "Scalar");
        public Tensor masked_fill(Tensor mask, Scalar value) => s_masked_fill_scalar.Call(this, mask, value);
        public Tensor masked_fill_(Tensor mask, Scalar value) => s_masked_fill_scalar_.CallInto(this, this, mask, value);

        private static readonly Operator s_masked_scatter = new("masked_scatter");
        private static readonly Operator s_masked_scatter_ = new("masked_scatter_");
        public Tensor masked_scatter(Tensor mask, Tensor value) => s_masked_scatter.Call(this, mask, value);
        public Tensor masked_scatter_(Tensor mask, Tensor value) => s_masked_scatter_.CallInto(this, this, mask, value);

        private static readonly Operator s_masked_select = new("masked_select");
        public Tensor masked_select(Tensor mask) => s_masked_select.Call(this, OfBool(mask, nameof(mask)));

        private static Tensor OfBool(Tensor choice, string argument) =>
            choice is null or { dtype: ScalarType.Bool } ? choice! : throw new ArgumentException($"The {argument} has elements of type {choice.dtype}, which must be Bool.", argument);

        // Copies with a part replaced.

        private static readonly Operator s_diagonal_scatter = new("diagonal_scatter");
        public Tensor diagonal_scatter(Tensor src, long offset = 0, long dim1 = 0, long dim2 = 1) => s_diagonal_scatter.Call(this, src, offset, dim1, dim2);

        private static readonly Operator s_select_scatter = new("select_scatter");
        public Tensor select_scatter(Tensor src, long dim, long index) => s_select_scatter.Call(this, src, dim, index);

        private static readonly Operator s_slice_scatter = new("slice_scatter");
        public Tensor slice_scatter(Tensor src, long dim = 0, long? start = null, long? end = null, long step = 1) =>
            s_slice_scatter.Call(this, src, dim, start, end, step);
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Order.

        private static readonly Operator s_sort = new("sort", "stable");
        public (Tensor Values, Tensor Indices) sort(long dim = -1, bool descending = false, bool stable = false) => s_sort.Call2(this, stable, dim, descending);

        private static readonly Operator s_msort = new("msort");
        public Tensor msort() => s_msort.Call(this);

        private static readonly Operator s_argsort = new("argsort");
        public Tensor argsort(long dim = -1, bool descending = false) => s_argsort.Call(this, dim, descending);

        private static readonly Operator s_topk = new("topk");
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true) =>
            s_topk.Call2(this, k, dim, largest, sorted);

        // Search.

        private static readonly Operator s_bucketize = new("bucketize", "Tensor");
        public Tensor bucketize(Tensor boundaries, bool outInt32 = false, bool right = false) => s_bucketize.Call(this, boundaries, outInt32, right);

        private static readonly Operator s_nonzero = new("nonzero");
        public Tensor nonzero() => s_nonzero.Call(this);

        /// <summary>The indexes of the elements other than zero: one column per axis.</summary>
        public IList<Tensor> nonzero_as_list()
        {
            using Tensor indexes = nonzero();
            return indexes.chunk(indexes.size(1), 1);
        }

        private static readonly Operator s_argwhere = new("argwhere");
        public Tensor argwhere() => s_argwhere.Call(this);

        // Distinct values.

        private static readonly Operator s_unique = new("_unique2");
        private static readonly Operator s_unique_dim = new("unique_dim");
        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique(bool sorted = true, bool return_inverse = false, bool return_counts = false, int? dim = null)
        {
            (Tensor output, Tensor inverse, Tensor counts) = dim is { } d
                ? s_unique_dim.Call3(this, d, sorted, return_inverse, return_counts)
                : s_unique.Call3(this, sorted, return_inverse, return_counts);
            return (output, KeepIf(return_inverse, inverse), KeepIf(return_counts, counts));
        }

        private static readonly Operator s_unique_consecutive = new("unique_consecutive");
        public (Tensor output, Tensor? inverse_indices, Tensor? counts) unique_consecutive(bool return_inverse = false, bool return_counts = false, int? dim = null)
        {
            (Tensor output, Tensor inverse, Tensor counts) = s_unique_consecutive.Call3(this, return_inverse, return_counts, (long?)dim);
            return (output, KeepIf(return_inverse, inverse), KeepIf(return_counts, counts));
        }

        // Unwanted results are empty tensors, which nobody would dispose.
        private static Tensor? KeepIf(bool wanted, Tensor result)
        {
            if (wanted) return result;
            result.Dispose();
            return null;
        }
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Spread.

        private static readonly Operator s_std = new("std");
        private static readonly Operator s_std_dim = new("std", "dim");
        public Tensor std(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor std((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std(new[] { dim.Item1, dim.Item2, dim.Item3 }, unbiased, keepdim, type);
        public Tensor std((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std(new[] { dim.Item1, dim.Item2 }, unbiased, keepdim, type);
        public Tensor std(bool unbiased = true) => s_std.Call(this, unbiased);
        public Tensor std(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => std(new[] { dim }, unbiased, keepdim, type);
        public Tensor std(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            InType(s_std_dim.Call(this, dimensions, unbiased, keepdim), type);

        private static readonly Operator s_std_mean = new("std_mean");
        private static readonly Operator s_std_mean_dim = new("std_mean", "dim");
        public (Tensor std, Tensor mean) std_mean(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std_mean(dimensions.ToArray(), unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std_mean(new[] { dim.Item1, dim.Item2, dim.Item3 }, unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std_mean(new[] { dim.Item1, dim.Item2 }, unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean(bool unbiased = true) => s_std_mean.Call2(this, unbiased);
        public (Tensor std, Tensor mean) std_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            std_mean(new[] { dim }, unbiased, keepdim, type);
        public (Tensor std, Tensor mean) std_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            (Tensor spread, Tensor mean) = s_std_mean_dim.Call2(this, dimensions, unbiased, keepdim);
            return (InType(spread, type), InType(mean, type));
        }

        private static readonly Operator s_var = new("var");
        private static readonly Operator s_var_dim = new("var", "dim");
        public Tensor var(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var(dimensions.ToArray(), unbiased, keepdim, type);
        public Tensor var((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var(new[] { dim.Item1, dim.Item2, dim.Item3 }, unbiased, keepdim, type);
        public Tensor var((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var(new[] { dim.Item1, dim.Item2 }, unbiased, keepdim, type);
        public Tensor var(bool unbiased = true) => s_var.Call(this, unbiased);
        public Tensor var(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) => var(new[] { dim }, unbiased, keepdim, type);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            InType(s_var_dim.Call(this, dimensions, unbiased, keepdim), type);

        private static readonly Operator s_var_mean = new("var_mean");
        private static readonly Operator s_var_mean_dim = new("var_mean", "dim");
        public (Tensor @var, Tensor mean) var_mean(ReadOnlySpan<long> dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var_mean(dimensions.ToArray(), unbiased, keepdim, type);
        public (Tensor @var, Tensor mean) var_mean((long, long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var_mean(new[] { dim.Item1, dim.Item2, dim.Item3 }, unbiased, keepdim, type);
        public (Tensor @var, Tensor mean) var_mean((long, long) dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var_mean(new[] { dim.Item1, dim.Item2 }, unbiased, keepdim, type);
        public (Tensor @var, Tensor mean) var_mean(bool unbiased = true) => s_var_mean.Call2(this, unbiased);
        public (Tensor @var, Tensor mean) var_mean(long dim, bool unbiased = true, bool keepdim = false, ScalarType? type = null) =>
            var_mean(new[] { dim }, unbiased, keepdim, type);
        public (Tensor @var, Tensor mean) var_mean(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
        {
            (Tensor spread, Tensor mean) = s_var_mean_dim.Call2(this, dimensions, unbiased, keepdim);
            return (InType(spread, type), InType(mean, type));
        }

        // Order statistics.

        private static readonly Operator s_median = new("median");
        public Tensor median() => s_median.Call(this);

        private static readonly Operator s_nanmedian = new("nanmedian");
        public Tensor nanmedian() => s_nanmedian.Call(this);

        private static readonly Operator s_mode = new("mode");
        public (Tensor values, Tensor indices) mode(long dim = -1, bool keepdim = false) => s_mode.Call2(this, dim, keepdim);

        private static readonly Operator s_kthvalue = new("kthvalue");
        public (Tensor values, Tensor indices) kthvalue(long k, long? dim, bool keepdim = false) => s_kthvalue.Call2(this, k, dim ?? -1, keepdim);

        private static readonly Operator s_quantile = new("quantile");
        /// <summary>The values below which shares q lie, along an axis or, with -1, of all elements.</summary>
        public Tensor quantile(Tensor q, long dim = -1, bool keepdim = false) => s_quantile.Call(this, q, OrAll(dim), keepdim);

        private static readonly Operator s_nanquantile = new("nanquantile");
        /// <summary>The same of the elements that are numbers.</summary>
        public Tensor nanquantile(Tensor q, long dim = -1, bool keepdim = false) => s_nanquantile.Call(this, q, OrAll(dim), keepdim);

        private static long? OrAll(long dim) => dim == -1 ? null : dim;

        // Correlation and counts.

        private static readonly Operator s_corrcoef = new("corrcoef");
        public Tensor corrcoef() => s_corrcoef.Call(this);

        private static readonly Operator s_cov = new("cov");
        public Tensor cov(long correction = 1, Tensor? fweights = null, Tensor? aweights = null) => s_cov.Call(this, correction, fweights, aweights);

        private static readonly Operator s_bincount = new("bincount");
        public Tensor bincount(Tensor? weights, long minlength = 0) => s_bincount.Call(this, weights, minlength);

        private static readonly Operator s_histc = new("histc");
        public Tensor histc(long bins = 100, long min = 0, long max = 0) => s_histc.Call(this, bins, min, max);

        // The result in the type that was asked for; the operators of spread have no argument for it.
        private static Tensor InType(Tensor result, ScalarType? type)
        {
            if (type is not { } wanted || wanted == result.dtype) return result;
            using (result) return result.to_type(wanted);
        }
    }
}

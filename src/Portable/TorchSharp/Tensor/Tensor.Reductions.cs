using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Truth of all or any.

        private static readonly Operator s_all = new("all");
        private static readonly Operator s_all_dim = new("all", "dim");
        public Tensor all() => s_all.Call(this);
        public Tensor all(long dim, bool keepdim = false) => s_all_dim.Call(this, dim, keepdim);

        private static readonly Operator s_any = new("any");
        private static readonly Operator s_any_dim = new("any", "dim");
        public Tensor any() => s_any.Call(this);
        public Tensor any(long dim, bool keepdim = false) => s_any_dim.Call(this, dim, keepdim);

        // Extremes.

        private static readonly Operator s_amax = new("amax");
        private static readonly Operator s_amax_out = new("amax", "out");
        public Tensor amax(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amax(dims.ToArray(), keepdim, @out);
        public Tensor amax(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            @out is null ? s_amax.Call(this, dims, keepdim) : s_amax_out.CallInto(@out, this, dims, keepdim, @out);
        public Tensor amax(params long[] dims) => s_amax.Call(this, dims);

        private static readonly Operator s_amin = new("amin");
        private static readonly Operator s_amin_out = new("amin", "out");
        public Tensor amin(ReadOnlySpan<long> dims, bool keepdim = false, Tensor? @out = null) => amin(dims.ToArray(), keepdim, @out);
        public Tensor amin(long[] dims, bool keepdim = false, Tensor? @out = null) =>
            @out is null ? s_amin.Call(this, dims, keepdim) : s_amin_out.CallInto(@out, this, dims, keepdim, @out);
        public Tensor amin(params long[] dims) => s_amin.Call(this, dims);

        private static readonly Operator s_aminmax = new("aminmax");
        public (Tensor min, Tensor max) aminmax(long? dim = null, bool keepdim = false) => s_aminmax.Call2(this, dim, keepdim);

        private static readonly Operator s_argmax = new("argmax");
        public Tensor argmax() => s_argmax.Call(this);
        public Tensor argmax(long dim, bool keepdim = false) => s_argmax.Call(this, dim, keepdim);

        private static readonly Operator s_argmin = new("argmin");
        public Tensor argmin() => s_argmin.Call(this);
        public Tensor argmin(long dim, bool keepdim = false) => s_argmin.Call(this, dim, keepdim);

        private static readonly Operator s_max_dim = new("max", "dim");
        private static readonly Operator s_max = new("max");
        private static readonly Operator s_max_other = new("max", "other");
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => s_max_dim.Call2(this, dim, keepdim);
        public Tensor max() => s_max.Call(this);
        public Tensor max(Tensor other) => s_max_other.Call(this, other);

        private static readonly Operator s_min_dim = new("min", "dim");
        private static readonly Operator s_min = new("min");
        private static readonly Operator s_min_other = new("min", "other");
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => s_min_dim.Call2(this, dim, keepdim);
        public Tensor min() => s_min.Call(this);
        public Tensor min(Tensor other) => s_min_other.Call(this, other);

        // Sums, products and means.

        private static readonly Operator s_sum = new("sum");
        private static readonly Operator s_sum_dim = new("sum", "dim_IntList");
        public Tensor sum(ReadOnlySpan<long> dim, bool keepdim = false, ScalarType? type = null) => sum(dim.ToArray(), keepdim, type);
        public Tensor sum(ScalarType? type = null) => s_sum.Call(this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum(new[] { dim }, keepdim, type);
        public Tensor sum(long dim0, long dim1, bool keepdim = false, ScalarType? type = null) => sum(new[] { dim0, dim1 }, keepdim, type);
        public Tensor sum(long dim0, long dim1, long dim2, bool keepdim = false, ScalarType? type = null) => sum(new[] { dim0, dim1, dim2 }, keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => s_sum_dim.Call(this, dim, keepdim, type);

        private static readonly Operator s_nansum = new("nansum");
        public Tensor nansum() => s_nansum.Call(this);

        private static readonly Operator s_prod = new("prod");
        private static readonly Operator s_prod_dim = new("prod", "dim_int");
        public Tensor prod(ScalarType? type = null) => s_prod.Call(this, type);
        public Tensor prod(long dim, bool keepdim = false, ScalarType? type = null) => s_prod_dim.Call(this, dim, keepdim, type);

        private static readonly Operator s_mean = new("mean");
        private static readonly Operator s_mean_dim = new("mean", "dim");
        public Tensor mean() => s_mean.Call(this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => s_mean_dim.Call(this, dimensions, keepdim, type);

        private static readonly Operator s_nanmean = new("nanmean");
        public Tensor nanmean(int? dim = null, bool keepdim = false, ScalarType? dtype = null) =>
            s_nanmean.Call(this, dim is { } d ? new long[] { d } : Value.None, keepdim, dtype);

        private static readonly Operator s_logsumexp = new("logsumexp");
        public Tensor logsumexp(long dim, bool keepdim = false) => s_logsumexp.Call(this, new[] { dim }, keepdim);

        private static readonly Operator s_count_nonzero = new("count_nonzero", "dim_IntList");
        public Tensor count_nonzero(long[]? dims = null) => s_count_nonzero.Call(this, dims ?? []);

        // Norms.

        private static readonly Operator s_norm = new("norm", "Scalar");
        private static readonly Operator s_norm_dim = new("norm", "ScalarOpt_dim");
        public Tensor norm(float p = 2) => s_norm.Call(this, p);
        public Tensor norm(int dim, bool keepdim = false, float p = 2) => s_norm_dim.Call(this, p, new long[] { dim }, keepdim);

        private static readonly Operator s_dist = new("dist");
        public Tensor dist(Tensor other, float p = 2) => s_dist.Call(this, other, p);

        private static readonly Operator s_renorm = new("renorm");
        public Tensor renorm(float p, long dim, float maxnorm) => s_renorm.Call(this, p, dim, maxnorm);
    }
}

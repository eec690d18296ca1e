using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Running extremes, sums and products.

        private static readonly Operator s_cummax = new("cummax");
        public (Tensor values, Tensor indexes) cummax(long dim) => s_cummax.Call2(this, dim);

        private static readonly Operator s_cummin = new("cummin");
        public (Tensor values, Tensor indexes) cummin(long dim) => s_cummin.Call2(this, dim);

        private static readonly Operator s_cumprod = new("cumprod");
        public Tensor cumprod(long dim, ScalarType? type = null) => s_cumprod.Call(this, dim, type);

        private static readonly Operator s_cumsum = new("cumsum");
        public Tensor cumsum(long dim, ScalarType? type = null) => s_cumsum.Call(this, dim, type);

        private static readonly Operator s_logcumsumexp = new("logcumsumexp");
        public Tensor logcumsumexp(long dim) => s_logcumsumexp.Call(this, dim);

        // Differences and integrals.

        private static readonly Operator s_diff = new("diff");
        public Tensor diff(long n = 1, long dim = -1, Tensor? prepend = null, Tensor? append = null) => s_diff.Call(this, n, dim, prepend, append);

        private static readonly Operator s_trapezoid_x = new("trapezoid", "x");
        private static readonly Operator s_trapezoid_dx = new("trapezoid", "dx");
        public Tensor trapezoid(Tensor x, long dim = -1) => s_trapezoid_x.Call(this, x, dim);
        public Tensor trapezoid(double dx = 1, long dim = -1) => s_trapezoid_dx.Call(this, dx, dim);

        private static readonly Operator s_cumulative_trapezoid_x = new("cumulative_trapezoid", "x");
        private static readonly Operator s_cumulative_trapezoid_dx = new("cumulative_trapezoid", "dx");
        public Tensor cumulative_trapezoid(Tensor x, long dim = -1) => s_cumulative_trapezoid_x.Call(this, x, dim);
        public Tensor cumulative_trapezoid(double dx = 1, long dim = -1) => s_cumulative_trapezoid_dx.Call(this, dx, dim);
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Error functions.

        private static readonly Operator s_erf = new("erf");
        private static readonly Operator s_erf_ = new("erf_");
        public Tensor erf() => s_erf.Call(this);
        public Tensor erf_() => s_erf_.CallInto(this, this);

        private static readonly Operator s_erfc = new("erfc");
        private static readonly Operator s_erfc_ = new("erfc_");
        public Tensor erfc() => s_erfc.Call(this);
        public Tensor erfc_() => s_erfc_.CallInto(this, this);

        private static readonly Operator s_erfinv = new("erfinv");
        private static readonly Operator s_erfinv_ = new("erfinv_");
        public Tensor erfinv() => s_erfinv.Call(this);
        public Tensor erfinv_() => s_erfinv_.CallInto(this, this);

        // Gamma functions.

        private static readonly Operator s_digamma = new("digamma");
        private static readonly Operator s_digamma_ = new("digamma_");
        public Tensor digamma() => s_digamma.Call(this);
        public Tensor digamma_() => s_digamma_.CallInto(this, this);

        private static readonly Operator s_igamma = new("igamma");
        public Tensor igamma(Tensor other) => s_igamma.Call(this, other);

        private static readonly Operator s_igammac = new("igammac");
        public Tensor igammac(Tensor other) => s_igammac.Call(this, other);

        private static readonly Operator s_lgamma = new("lgamma");
        private static readonly Operator s_lgamma_ = new("lgamma_");
        public Tensor lgamma() => s_lgamma.Call(this);
        public Tensor lgamma_() => s_lgamma_.CallInto(this, this);

        private static readonly Operator s_mvlgamma = new("mvlgamma");
        private static readonly Operator s_mvlgamma_ = new("mvlgamma_");
        public Tensor mvlgamma(long p) => s_mvlgamma.Call(this, p);
        public Tensor mvlgamma_(long p) => s_mvlgamma_.CallInto(this, this, p);

        private static readonly Operator s_polygamma = new("polygamma");
        private static readonly Operator s_polygamma_ = new("polygamma_");
        public Tensor polygamma(long p) => s_polygamma.Call(p, this);
        public Tensor polygamma_(long p) => s_polygamma_.CallInto(this, this, p);

        // Bessel functions.

        private static readonly Operator s_i0 = new("i0");
        private static readonly Operator s_i0_ = new("i0_");
        public Tensor i0() => s_i0.Call(this);
        public Tensor i0_() => s_i0_.CallInto(this, this);
    }
}

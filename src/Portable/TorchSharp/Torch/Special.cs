using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    /// <summary>The special functions of mathematical physics and statistics.</summary>
    public static class special
    {
        // Functions that tensors have as methods.

        public static Tensor digamma(Tensor input) => input.digamma();
        public static Tensor erf(Tensor input) => input.erf();
        public static Tensor erfc(Tensor input) => input.erfc();
        public static Tensor erfinv(Tensor input) => input.erfinv();
        public static Tensor exp2(Tensor input) => input.exp2();
        public static Tensor expit(Tensor input) => input.sigmoid();
        public static Tensor expm1(Tensor input) => input.expm1();
        public static Tensor gammainc(Tensor input, Tensor other) => input.igamma(other);
        public static Tensor gammaincc(Tensor input, Tensor other) => input.igammac(other);
        public static Tensor gammaln(Tensor input) => input.lgamma();
        public static Tensor i0(Tensor input) => input.i0();
        public static Tensor log_softmax(Tensor input, long dim, ScalarType? dtype = null) => input.log_softmax(dim, dtype);
        public static Tensor logit(Tensor input) => input.logit();
        public static Tensor multigammaln(Tensor input, long p) => input.mvlgamma(p);
        public static Tensor polygamma(long n, Tensor input) => input.polygamma(n);
        public static Tensor psi(Tensor input) => input.digamma();
        public static Tensor sigmoid(Tensor input) => input.sigmoid();
        public static Tensor sigmoid_(Tensor input) => input.sigmoid_();
        public static Tensor sinc(Tensor input) => input.sinc();
        public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

        // Functions of one number.

        private static readonly Operator s_entr = new("special_entr");
        public static Tensor entr(Tensor input) => s_entr.Call(input);

        private static readonly Operator s_erfcx = new("special_erfcx");
        public static Tensor erfcx(Tensor input) => s_erfcx.Call(input);

        private static readonly Operator s_i0e = new("special_i0e");
        public static Tensor i0e(Tensor input) => s_i0e.Call(input);

        private static readonly Operator s_i1 = new("special_i1");
        public static Tensor i1(Tensor input) => s_i1.Call(input);

        private static readonly Operator s_i1e = new("special_i1e");
        public static Tensor i1e(Tensor input) => s_i1e.Call(input);

        private static readonly Operator s_ndtr = new("special_ndtr");
        public static Tensor ndtr(Tensor input) => s_ndtr.Call(input);

        private static readonly Operator s_ndtri = new("special_ndtri");
        public static Tensor ndtri(Tensor input) => s_ndtri.Call(input);

        // Functions of two numbers.

        private static readonly Operator s_xlog1py = new("special_xlog1py");
        public static Tensor xlog1py(Tensor input, Tensor other) => s_xlog1py.Call(input, other);

        private static readonly Operator s_zeta = new("special_zeta");
        public static Tensor zeta(Tensor x, Tensor q) => s_zeta.Call(x, q);

        // Airy and Bessel functions.

        private static readonly Operator s_airy_ai = new("special_airy_ai");
        private static readonly Operator s_airy_ai_out = new("special_airy_ai", "out");
        public static Tensor airy_ai(Tensor input, Tensor? @out = null) =>
            @out is null ? s_airy_ai.Call(input) : s_airy_ai_out.CallInto(@out, input, @out);

        private static readonly Operator s_bessel_j0 = new("special_bessel_j0");
        private static readonly Operator s_bessel_j0_out = new("special_bessel_j0", "out");
        public static Tensor bessel_j0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_bessel_j0.Call(input) : s_bessel_j0_out.CallInto(@out, input, @out);

        private static readonly Operator s_bessel_j1 = new("special_bessel_j1");
        private static readonly Operator s_bessel_j1_out = new("special_bessel_j1", "out");
        public static Tensor bessel_j1(Tensor input, Tensor? @out = null) =>
            @out is null ? s_bessel_j1.Call(input) : s_bessel_j1_out.CallInto(@out, input, @out);

        private static readonly Operator s_bessel_y0 = new("special_bessel_y0");
        private static readonly Operator s_bessel_y0_out = new("special_bessel_y0", "out");
        public static Tensor bessel_y0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_bessel_y0.Call(input) : s_bessel_y0_out.CallInto(@out, input, @out);

        private static readonly Operator s_bessel_y1 = new("special_bessel_y1");
        private static readonly Operator s_bessel_y1_out = new("special_bessel_y1", "out");
        public static Tensor bessel_y1(Tensor input, Tensor? @out = null) =>
            @out is null ? s_bessel_y1.Call(input) : s_bessel_y1_out.CallInto(@out, input, @out);

        private static readonly Operator s_modified_bessel_i0 = new("special_modified_bessel_i0");
        private static readonly Operator s_modified_bessel_i0_out = new("special_modified_bessel_i0", "out");
        public static Tensor modified_bessel_i0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_modified_bessel_i0.Call(input) : s_modified_bessel_i0_out.CallInto(@out, input, @out);

        private static readonly Operator s_modified_bessel_i1 = new("special_modified_bessel_i1");
        private static readonly Operator s_modified_bessel_i1_out = new("special_modified_bessel_i1", "out");
        public static Tensor modified_bessel_i1(Tensor input, Tensor? @out = null) =>
            @out is null ? s_modified_bessel_i1.Call(input) : s_modified_bessel_i1_out.CallInto(@out, input, @out);

        private static readonly Operator s_modified_bessel_k0 = new("special_modified_bessel_k0");
        private static readonly Operator s_modified_bessel_k0_out = new("special_modified_bessel_k0", "out");
        public static Tensor modified_bessel_k0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_modified_bessel_k0.Call(input) : s_modified_bessel_k0_out.CallInto(@out, input, @out);

        private static readonly Operator s_modified_bessel_k1 = new("special_modified_bessel_k1");
        private static readonly Operator s_modified_bessel_k1_out = new("special_modified_bessel_k1", "out");
        public static Tensor modified_bessel_k1(Tensor input, Tensor? @out = null) =>
            @out is null ? s_modified_bessel_k1.Call(input) : s_modified_bessel_k1_out.CallInto(@out, input, @out);

        private static readonly Operator s_scaled_modified_bessel_k0 = new("special_scaled_modified_bessel_k0");
        private static readonly Operator s_scaled_modified_bessel_k0_out = new("special_scaled_modified_bessel_k0", "out");
        public static Tensor scaled_modified_bessel_k0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_scaled_modified_bessel_k0.Call(input) : s_scaled_modified_bessel_k0_out.CallInto(@out, input, @out);

        private static readonly Operator s_scaled_modified_bessel_k1 = new("special_scaled_modified_bessel_k1");
        private static readonly Operator s_scaled_modified_bessel_k1_out = new("special_scaled_modified_bessel_k1", "out");
        public static Tensor scaled_modified_bessel_k1(Tensor input, Tensor? @out = null) =>
            @out is null ? s_scaled_modified_bessel_k1.Call(input) : s_scaled_modified_bessel_k1_out.CallInto(@out, input, @out);

        private static readonly Operator s_spherical_bessel_j0 = new("special_spherical_bessel_j0");
        private static readonly Operator s_spherical_bessel_j0_out = new("special_spherical_bessel_j0", "out");
        public static Tensor spherical_bessel_j0(Tensor input, Tensor? @out = null) =>
            @out is null ? s_spherical_bessel_j0.Call(input) : s_spherical_bessel_j0_out.CallInto(@out, input, @out);

        // Orthogonal polynomials of degree n.

        private static readonly Operator s_chebyshev_polynomial_t = new("special_chebyshev_polynomial_t");
        private static readonly Operator s_chebyshev_polynomial_t_out = new("special_chebyshev_polynomial_t", "out");
        public static Tensor chebyshev_polynomial_t(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_chebyshev_polynomial_t.Call(x, n) : s_chebyshev_polynomial_t_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_chebyshev_polynomial_u = new("special_chebyshev_polynomial_u");
        private static readonly Operator s_chebyshev_polynomial_u_out = new("special_chebyshev_polynomial_u", "out");
        public static Tensor chebyshev_polynomial_u(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_chebyshev_polynomial_u.Call(x, n) : s_chebyshev_polynomial_u_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_chebyshev_polynomial_v = new("special_chebyshev_polynomial_v");
        private static readonly Operator s_chebyshev_polynomial_v_out = new("special_chebyshev_polynomial_v", "out");
        public static Tensor chebyshev_polynomial_v(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_chebyshev_polynomial_v.Call(x, n) : s_chebyshev_polynomial_v_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_chebyshev_polynomial_w = new("special_chebyshev_polynomial_w");
        private static readonly Operator s_chebyshev_polynomial_w_out = new("special_chebyshev_polynomial_w", "out");
        public static Tensor chebyshev_polynomial_w(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_chebyshev_polynomial_w.Call(x, n) : s_chebyshev_polynomial_w_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_hermite_polynomial_h = new("special_hermite_polynomial_h");
        private static readonly Operator s_hermite_polynomial_h_out = new("special_hermite_polynomial_h", "out");
        public static Tensor hermite_polynomial_h(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_hermite_polynomial_h.Call(x, n) : s_hermite_polynomial_h_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_hermite_polynomial_he = new("special_hermite_polynomial_he");
        private static readonly Operator s_hermite_polynomial_he_out = new("special_hermite_polynomial_he", "out");
        public static Tensor hermite_polynomial_he(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_hermite_polynomial_he.Call(x, n) : s_hermite_polynomial_he_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_laguerre_polynomial_l = new("special_laguerre_polynomial_l");
        private static readonly Operator s_laguerre_polynomial_l_out = new("special_laguerre_polynomial_l", "out");
        public static Tensor laguerre_polynomial_l(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_laguerre_polynomial_l.Call(x, n) : s_laguerre_polynomial_l_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_legendre_polynomial_p = new("special_legendre_polynomial_p");
        private static readonly Operator s_legendre_polynomial_p_out = new("special_legendre_polynomial_p", "out");
        public static Tensor legendre_polynomial_p(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_legendre_polynomial_p.Call(x, n) : s_legendre_polynomial_p_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_shifted_chebyshev_polynomial_t = new("special_shifted_chebyshev_polynomial_t");
        private static readonly Operator s_shifted_chebyshev_polynomial_t_out = new("special_shifted_chebyshev_polynomial_t", "out");
        public static Tensor shifted_chebyshev_polynomial_t(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_shifted_chebyshev_polynomial_t.Call(x, n) : s_shifted_chebyshev_polynomial_t_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_shifted_chebyshev_polynomial_u = new("special_shifted_chebyshev_polynomial_u");
        private static readonly Operator s_shifted_chebyshev_polynomial_u_out = new("special_shifted_chebyshev_polynomial_u", "out");
        public static Tensor shifted_chebyshev_polynomial_u(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_shifted_chebyshev_polynomial_u.Call(x, n) : s_shifted_chebyshev_polynomial_u_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_shifted_chebyshev_polynomial_v = new("special_shifted_chebyshev_polynomial_v");
        private static readonly Operator s_shifted_chebyshev_polynomial_v_out = new("special_shifted_chebyshev_polynomial_v", "out");
        public static Tensor shifted_chebyshev_polynomial_v(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_shifted_chebyshev_polynomial_v.Call(x, n) : s_shifted_chebyshev_polynomial_v_out.CallInto(@out, x, n, @out);

        private static readonly Operator s_shifted_chebyshev_polynomial_w = new("special_shifted_chebyshev_polynomial_w");
        private static readonly Operator s_shifted_chebyshev_polynomial_w_out = new("special_shifted_chebyshev_polynomial_w", "out");
        public static Tensor shifted_chebyshev_polynomial_w(Tensor x, Tensor n, Tensor? @out = null) =>
            @out is null ? s_shifted_chebyshev_polynomial_w.Call(x, n) : s_shifted_chebyshev_polynomial_w_out.CallInto(@out, x, n, @out);
    }
}

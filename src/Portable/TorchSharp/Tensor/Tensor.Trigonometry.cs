using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Circular functions and their inverses.

        private static readonly Operator s_acos = new("acos");
        private static readonly Operator s_acos_ = new("acos_");
        public Tensor acos() => s_acos.Call(this);
        public Tensor acos_() => s_acos_.CallInto(this, this);

        public Tensor arccos() => acos();
        public Tensor arccos_() => acos_();

        private static readonly Operator s_asin = new("asin");
        private static readonly Operator s_asin_ = new("asin_");
        public Tensor asin() => s_asin.Call(this);
        public Tensor asin_() => s_asin_.CallInto(this, this);

        public Tensor arcsin() => asin();
        public Tensor arcsin_() => asin_();

        private static readonly Operator s_atan = new("atan");
        private static readonly Operator s_atan_ = new("atan_");
        public Tensor atan() => s_atan.Call(this);
        public Tensor atan_() => s_atan_.CallInto(this, this);

        private static readonly Operator s_arctan = new("arctan");
        private static readonly Operator s_arctan_ = new("arctan_");
        public Tensor arctan() => s_arctan.Call(this);
        public Tensor arctan(Tensor other) => atan2(other);
        public Tensor arctan_() => s_arctan_.CallInto(this, this);
        public Tensor arctan_(Tensor other) => atan2_(other);

        private static readonly Operator s_atan2 = new("atan2");
        private static readonly Operator s_atan2_ = new("atan2_");
        public Tensor atan2(Tensor other) => s_atan2.Call(this, other);
        public Tensor atan2_(Tensor other) => s_atan2_.CallInto(this, this, other);

        public Tensor arctan2(Tensor other) => atan2(other);
        public Tensor arctan2_(Tensor other) => atan2_(other);

        private static readonly Operator s_cos = new("cos");
        private static readonly Operator s_cos_ = new("cos_");
        public Tensor cos() => s_cos.Call(this);
        public Tensor cos_() => s_cos_.CallInto(this, this);

        private static readonly Operator s_sin = new("sin");
        private static readonly Operator s_sin_ = new("sin_");
        public Tensor sin() => s_sin.Call(this);
        public Tensor sin_() => s_sin_.CallInto(this, this);

        private static readonly Operator s_sinc = new("sinc");
        private static readonly Operator s_sinc_ = new("sinc_");
        public Tensor sinc() => s_sinc.Call(this);
        public Tensor sinc_() => s_sinc_.CallInto(this, this);

        private static readonly Operator s_tan = new("tan");
        private static readonly Operator s_tan_ = new("tan_");
        public Tensor tan() => s_tan.Call(this);
        public Tensor tan_() => s_tan_.CallInto(this, this);

        // Hyperbolic functions and their inverses.

        private static readonly Operator s_acosh = new("acosh");
        private static readonly Operator s_acosh_ = new("acosh_");
        public Tensor acosh() => s_acosh.Call(this);
        public Tensor acosh_() => s_acosh_.CallInto(this, this);

        public Tensor arccosh() => acosh();
        public Tensor arccosh_() => acosh_();

        private static readonly Operator s_asinh = new("asinh");
        private static readonly Operator s_asinh_ = new("asinh_");
        public Tensor asinh() => s_asinh.Call(this);
        public Tensor asinh_() => s_asinh_.CallInto(this, this);

        public Tensor arcsinh() => asinh();
        public Tensor arcsinh_() => asinh_();

        private static readonly Operator s_atanh = new("atanh");
        private static readonly Operator s_atanh_ = new("atanh_");
        public Tensor atanh() => s_atanh.Call(this);
        public Tensor atanh_() => s_atanh_.CallInto(this, this);

        public Tensor arctanh() => atanh();
        public Tensor arctanh_() => atanh_();

        private static readonly Operator s_cosh = new("cosh");
        private static readonly Operator s_cosh_ = new("cosh_");
        public Tensor cosh() => s_cosh.Call(this);
        public Tensor cosh_() => s_cosh_.CallInto(this, this);

        private static readonly Operator s_sinh = new("sinh");
        private static readonly Operator s_sinh_ = new("sinh_");
        public Tensor sinh() => s_sinh.Call(this);
        public Tensor sinh_() => s_sinh_.CallInto(this, this);

        private static readonly Operator s_tanh = new("tanh");
        private static readonly Operator s_tanh_ = new("tanh_");
        public Tensor tanh() => s_tanh.Call(this);
        public Tensor tanh_() => s_tanh_.CallInto(this, this);
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Magnitude and rounding.

        private static readonly Operator s_abs = new("abs");
        private static readonly Operator s_abs_ = new("abs_");
        public Tensor abs() => s_abs.Call(this);
        public Tensor abs_() => s_abs_.CallInto(this, this);

        public Tensor absolute() => abs();
        public Tensor absolute_() => abs_();

        private static readonly Operator s_ceil = new("ceil");
        private static readonly Operator s_ceil_ = new("ceil_");
        public Tensor ceil() => s_ceil.Call(this);
        public Tensor ceil_() => s_ceil_.CallInto(this, this);

        private static readonly Operator s_floor = new("floor");
        private static readonly Operator s_floor_ = new("floor_");
        public Tensor floor() => s_floor.Call(this);
        public Tensor floor_() => s_floor_.CallInto(this, this);

        private static readonly Operator s_round = new("round", "decimals");
        private static readonly Operator s_round_ = new("round_", "decimals");
        public Tensor round(long decimals = 0) => s_round.Call(this, decimals);
        public Tensor round_(long decimals = 0) => s_round_.CallInto(this, this, decimals);

        private static readonly Operator s_trunc = new("trunc");
        private static readonly Operator s_trunc_ = new("trunc_");
        public Tensor trunc() => s_trunc.Call(this);
        public Tensor trunc_() => s_trunc_.CallInto(this, this);

        public Tensor fix() => trunc();
        public Tensor fix_() => trunc_();

        private static readonly Operator s_frac = new("frac");
        private static readonly Operator s_frac_ = new("frac_");
        public Tensor frac() => s_frac.Call(this);
        public Tensor frac_() => s_frac_.CallInto(this, this);

        // Exponentials and logarithms.

        private static readonly Operator s_exp = new("exp");
        private static readonly Operator s_exp_ = new("exp_");
        public Tensor exp() => s_exp.Call(this);
        public Tensor exp_() => s_exp_.CallInto(this, this);

        private static readonly Operator s_exp2 = new("exp2");
        private static readonly Operator s_exp2_ = new("exp2_");
        public Tensor exp2() => s_exp2.Call(this);
        public Tensor exp2_() => s_exp2_.CallInto(this, this);

        private static readonly Operator s_expm1 = new("expm1");
        private static readonly Operator s_expm1_ = new("expm1_");
        public Tensor expm1() => s_expm1.Call(this);
        public Tensor expm1_() => s_expm1_.CallInto(this, this);

        private static readonly Operator s_log = new("log");
        private static readonly Operator s_log_ = new("log_");
        public Tensor log() => s_log.Call(this);
        public Tensor log_() => s_log_.CallInto(this, this);

        private static readonly Operator s_log10 = new("log10");
        private static readonly Operator s_log10_ = new("log10_");
        public Tensor log10() => s_log10.Call(this);
        public Tensor log10_() => s_log10_.CallInto(this, this);

        private static readonly Operator s_log1p = new("log1p");
        private static readonly Operator s_log1p_ = new("log1p_");
        public Tensor log1p() => s_log1p.Call(this);
        public Tensor log1p_() => s_log1p_.CallInto(this, this);

        private static readonly Operator s_log2 = new("log2");
        private static readonly Operator s_log2_ = new("log2_");
        public Tensor log2() => s_log2.Call(this);
        public Tensor log2_() => s_log2_.CallInto(this, this);

        private static readonly Operator s_logaddexp = new("logaddexp");
        public Tensor logaddexp(Tensor other) => s_logaddexp.Call(this, other);

        private static readonly Operator s_logaddexp2 = new("logaddexp2");
        public Tensor logaddexp2(Tensor other) => s_logaddexp2.Call(this, other);

        private static readonly Operator s_xlogy_scalar = new("xlogy", "Scalar_Other");
        private static readonly Operator s_xlogy = new("xlogy", "Tensor");
        private static readonly Operator s_xlogy_scalar_ = new("xlogy_", "Scalar_Other");
        private static readonly Operator s_xlogy_ = new("xlogy_", "Tensor");
        public Tensor xlogy(Scalar y) => s_xlogy_scalar.Call(this, y);
        public Tensor xlogy(Tensor y) => s_xlogy.Call(this, y);
        public Tensor xlogy_(Scalar y) => s_xlogy_scalar_.CallInto(this, this, y);
        public Tensor xlogy_(Tensor y) => s_xlogy_.CallInto(this, this, y);

        private static readonly Operator s_logit = new("logit");
        private static readonly Operator s_logit_ = new("logit_");
        public Tensor logit(double? eps = null) => s_logit.Call(this, eps);
        public Tensor logit_(double? eps = null) => s_logit_.CallInto(this, this, eps);

        // Limits.

        private static readonly Operator s_clamp = new("clamp");
        private static readonly Operator s_clamp_tensor = new("clamp", "Tensor");
        private static readonly Operator s_clamp_ = new("clamp_");
        private static readonly Operator s_clamp_tensor_ = new("clamp_", "Tensor");
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => s_clamp.Call(this, min, max);
        public Tensor clamp(Tensor? min = null, Tensor? max = null) => s_clamp_tensor.Call(this, min, max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => s_clamp_.CallInto(this, this, min, max);
        public Tensor clamp_(Tensor? min = null, Tensor? max = null) => s_clamp_tensor_.CallInto(this, this, min, max);

        private static readonly Operator s_clamp_max = new("clamp_max");
        private static readonly Operator s_clamp_max_ = new("clamp_max_");
        public Tensor clamp_max(Scalar max) => s_clamp_max.Call(this, max);
        public Tensor clamp_max_(Scalar max) => s_clamp_max_.CallInto(this, this, max);

        private static readonly Operator s_clamp_min = new("clamp_min");
        private static readonly Operator s_clamp_min_ = new("clamp_min_");
        public Tensor clamp_min(Scalar min) => s_clamp_min.Call(this, min);
        public Tensor clamp_min_(Scalar min) => s_clamp_min_.CallInto(this, this, min);

        public Tensor clip(Scalar? min = null, Scalar? max = null) => clamp(min, max);

        private static readonly Operator s_fmax = new("fmax");
        public Tensor fmax(Tensor other) => s_fmax.Call(this, other);

        private static readonly Operator s_fmin = new("fmin");
        public Tensor fmin(Tensor other) => s_fmin.Call(this, other);

        private static readonly Operator s_maximum = new("maximum");
        public Tensor maximum(Tensor other) => s_maximum.Call(this, other);

        private static readonly Operator s_minimum = new("minimum");
        public Tensor minimum(Tensor other) => s_minimum.Call(this, other);

        private static readonly Operator s_nan_to_num = new("nan_to_num");
        private static readonly Operator s_nan_to_num_ = new("nan_to_num_");
        public Tensor nan_to_num(double nan = 0, double? posinf = null, double? neginf = null) => s_nan_to_num.Call(this, nan, posinf, neginf);
        public Tensor nan_to_num_(double nan = 0, double? posinf = null, double? neginf = null) => s_nan_to_num_.CallInto(this, this, nan, posinf, neginf);

        // Degrees and radians.

        private static readonly Operator s_deg2rad = new("deg2rad");
        private static readonly Operator s_deg2rad_ = new("deg2rad_");
        public Tensor deg2rad() => s_deg2rad.Call(this);
        public Tensor deg2rad_() => s_deg2rad_.CallInto(this, this);

        private static readonly Operator s_rad2deg = new("rad2deg");
        private static readonly Operator s_rad2deg_ = new("rad2deg_");
        public Tensor rad2deg() => s_rad2deg.Call(this);
        public Tensor rad2deg_() => s_rad2deg_.CallInto(this, this);

        // Complex numbers.

        private static readonly Operator s_real = new("real");
        public Tensor real => s_real.Call(this);

        private static readonly Operator s_imag = new("imag");
        public Tensor imag => s_imag.Call(this);

        private static readonly Operator s_is_conj = new("is_conj");
        public bool is_conj() => s_is_conj.CallBool(this);

        private static readonly Operator s_is_neg = new("is_neg");
        public bool is_neg() => s_is_neg.CallBool(this);

        private static readonly Operator s_angle = new("angle");
        public Tensor angle() => s_angle.Call(this);

        private static readonly Operator s_conj = new("conj");
        public Tensor conj() => s_conj.Call(this);

        private static readonly Operator s_conj_physical = new("conj_physical");
        private static readonly Operator s_conj_physical_ = new("conj_physical_");
        public Tensor conj_physical() => s_conj_physical.Call(this);
        public Tensor conj_physical_() => s_conj_physical_.CallInto(this, this);

        private static readonly Operator s_resolve_conj = new("resolve_conj");
        public Tensor resolve_conj() => s_resolve_conj.Call(this);

        private static readonly Operator s_resolve_neg = new("resolve_neg");
        public Tensor resolve_neg() => s_resolve_neg.Call(this);

        // The same elements, as they are, in memory.
        internal Tensor Resolved()
        {
            using Tensor conjugated = resolve_conj();
            return conjugated.resolve_neg();
        }
    }
}

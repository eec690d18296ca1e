using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Sums and differences.

        private static readonly Operator s_add_scalar = new("add", "Scalar");
        private static readonly Operator s_add = new("add", "Tensor");
        private static readonly Operator s_add_scalar_ = new("add_", "Scalar");
        private static readonly Operator s_add_ = new("add_", "Tensor");
        public Tensor add(Scalar scalar) => s_add_scalar.Call(this, scalar);
        public Tensor add(Scalar scalar, Scalar alpha) => s_add_scalar.Call(this, scalar, alpha);
        public Tensor add(Tensor target) => s_add.Call(this, target);
        public Tensor add(Tensor target, Scalar alpha) => s_add.Call(this, target, alpha);
        public Tensor add_(Scalar scalar) => s_add_scalar_.CallInto(this, this, scalar);
        public Tensor add_(Scalar scalar, Scalar alpha) => s_add_scalar_.CallInto(this, this, scalar, alpha);
        public Tensor add_(Tensor target) => s_add_.CallInto(this, this, target);
        public Tensor add_(Tensor target, Scalar alpha) => s_add_.CallInto(this, this, target, alpha);

        private static readonly Operator s_sub_scalar = new("sub", "Scalar");
        private static readonly Operator s_sub = new("sub", "Tensor");
        private static readonly Operator s_sub_scalar_ = new("sub_", "Scalar");
        private static readonly Operator s_sub_ = new("sub_", "Tensor");
        public Tensor sub(Scalar target) => s_sub_scalar.Call(this, target);
        public Tensor sub(Tensor target) => s_sub.Call(this, target);
        public Tensor sub_(Scalar target) => s_sub_scalar_.CallInto(this, this, target);
        public Tensor sub_(Tensor target) => s_sub_.CallInto(this, this, target);

        public Tensor subtract(Scalar target) => sub(target);
        public Tensor subtract(Tensor target) => sub(target);
        public Tensor subtract_(Scalar target) => sub_(target);
        public Tensor subtract_(Tensor target) => sub_(target);

        // Products.

        private static readonly Operator s_mul_scalar = new("mul", "Scalar");
        private static readonly Operator s_mul = new("mul", "Tensor");
        private static readonly Operator s_mul_scalar_ = new("mul_", "Scalar");
        private static readonly Operator s_mul_ = new("mul_", "Tensor");
        public Tensor mul(Scalar target) => s_mul_scalar.Call(this, target);
        public Tensor mul(Tensor target) => s_mul.Call(this, target);
        public Tensor mul_(Scalar target) => s_mul_scalar_.CallInto(this, this, target);
        public Tensor mul_(Tensor target) => s_mul_.CallInto(this, this, target);

        public Tensor multiply(Scalar target) => mul(target);
        public Tensor multiply(Tensor target) => mul(target);

        private static readonly Operator s_addcmul = new("addcmul");
        private static readonly Operator s_addcmul_ = new("addcmul_");
        public Tensor addcmul(Tensor tensor1, Tensor tensor2, Scalar value) => s_addcmul.Call(this, tensor1, tensor2, value);
        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => s_addcmul_.CallInto(this, this, tensor1, tensor2, value);

        private static readonly Operator s_addcdiv = new("addcdiv");
        private static readonly Operator s_addcdiv_ = new("addcdiv_");
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2) => s_addcdiv.Call(this, tensor1, tensor2);
        public Tensor addcdiv(Tensor tensor1, Tensor tensor2, Scalar value) => s_addcdiv.Call(this, tensor1, tensor2, value);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2) => s_addcdiv_.CallInto(this, this, tensor1, tensor2);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => s_addcdiv_.CallInto(this, this, tensor1, tensor2, value);

        // Quotients.

        private static readonly Operator s_div = new("div", "Tensor");
        private static readonly Operator s_div_mode = new("div", "Tensor_mode");
        private static readonly Operator s_div_scalar = new("div", "Scalar");
        private static readonly Operator s_div_scalar_mode = new("div", "Scalar_mode");
        private static readonly Operator s_div_ = new("div_", "Tensor");
        private static readonly Operator s_div_mode_ = new("div_", "Tensor_mode");
        private static readonly Operator s_div_scalar_ = new("div_", "Scalar");
        private static readonly Operator s_div_scalar_mode_ = new("div_", "Scalar_mode");
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
            rounding_mode == RoundingMode.None ? s_div_scalar.Call(this, target) : IsNegatedBy(target) ? neg() : s_div_scalar_mode.Call(this, target, NameOf(rounding_mode));
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            rounding_mode == RoundingMode.None ? s_div.Call(this, target) : Divide(target, ones => s_div_mode.Call(this, ones, NameOf(rounding_mode)));
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) =>
            rounding_mode == RoundingMode.None ? s_div_scalar_.CallInto(this, this, target) : IsNegatedBy(target) ? neg_() : s_div_scalar_mode_.CallInto(this, this, target, NameOf(rounding_mode));
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) =>
            rounding_mode == RoundingMode.None ? s_div_.CallInto(this, this, target) : Divide(target, ones => s_div_mode_.CallInto(this, this, ones, NameOf(rounding_mode)));

        public Tensor divide(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div(target, rounding_mode);
        public Tensor divide_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);
        public Tensor divide_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => div_(target, rounding_mode);

        public Tensor true_divide(Scalar other) => div(other);
        public Tensor true_divide(Tensor other) => div(other);
        public Tensor true_divide_(Scalar other) => div_(other);
        public Tensor true_divide_(Tensor other) => div_(other);

        private static readonly Operator s_floor_divide_scalar = new("floor_divide", "Scalar");
        private static readonly Operator s_floor_divide = new("floor_divide");
        private static readonly Operator s_floor_divide_scalar_ = new("floor_divide_", "Scalar");
        private static readonly Operator s_floor_divide_ = new("floor_divide_", "Tensor");
        public Tensor floor_divide(Scalar other) => IsNegatedBy(other) ? neg() : s_floor_divide_scalar.Call(this, other);
        public Tensor floor_divide(Tensor other) => Divide(other, ones => s_floor_divide.Call(this, ones));
        public Tensor floor_divide_(Scalar other) => IsNegatedBy(other) ? neg_() : s_floor_divide_scalar_.CallInto(this, this, other);
        public Tensor floor_divide_(Tensor other) => Divide(other, ones => s_floor_divide_.CallInto(this, this, ones));

        private static readonly Operator s_fmod_scalar = new("fmod", "Scalar");
        private static readonly Operator s_fmod = new("fmod", "Tensor");
        private static readonly Operator s_fmod_scalar_ = new("fmod_", "Scalar");
        private static readonly Operator s_fmod_ = new("fmod_", "Tensor");
        public Tensor fmod(Scalar scalar) => IsNegatedBy(scalar) ? zeros_like() : s_fmod_scalar.Call(this, scalar);
        public Tensor fmod(Tensor target) => Rest(target, ones => s_fmod.Call(this, ones));
        public Tensor fmod_(Scalar scalar) => IsNegatedBy(scalar) ? zero_() : s_fmod_scalar_.CallInto(this, this, scalar);
        public Tensor fmod_(Tensor target) => Rest(target, ones => s_fmod_.CallInto(this, this, ones));

        private static readonly Operator s_remainder_scalar = new("remainder", "Scalar");
        private static readonly Operator s_remainder = new("remainder", "Tensor");
        private static readonly Operator s_remainder_scalar_ = new("remainder_", "Scalar");
        private static readonly Operator s_remainder_ = new("remainder_", "Tensor");
        public Tensor remainder(Scalar scalar) => IsNegatedBy(scalar) ? zeros_like() : s_remainder_scalar.Call(this, scalar);
        public Tensor remainder(Tensor target) => Rest(target, ones => s_remainder.Call(this, ones));
        public Tensor remainder_(Scalar scalar) => IsNegatedBy(scalar) ? zero_() : s_remainder_scalar_.CallInto(this, this, scalar);
        public Tensor remainder_(Tensor target) => Rest(target, ones => s_remainder_.CallInto(this, this, ones));

        private static readonly Operator s_reciprocal = new("reciprocal");
        private static readonly Operator s_reciprocal_ = new("reciprocal_");
        public Tensor reciprocal() => s_reciprocal.Call(this);
        public Tensor reciprocal_() => s_reciprocal_.CallInto(this, this);

        // Signs.

        private static readonly Operator s_neg = new("neg");
        private static readonly Operator s_neg_ = new("neg_");
        public Tensor neg() => s_neg.Call(this);
        public Tensor neg_() => s_neg_.CallInto(this, this);

        public Tensor negative() => neg();

        private static readonly Operator s_positive = new("positive");
        /// <exception cref="ArgumentException">The elements are booleans.</exception>
        public Tensor positive() => dtype != ScalarType.Bool ? s_positive.Call(this) : throw new ArgumentException("Booleans have no sign.");

        private static readonly Operator s_copysign = new("copysign", "Tensor");
        private static readonly Operator s_copysign_ = new("copysign_", "Tensor");
        public Tensor copysign(Tensor other) => s_copysign.Call(this, other);
        public Tensor copysign_(Tensor other) => s_copysign_.CallInto(this, this, other);

        private static readonly Operator s_sign = new("sign");
        private static readonly Operator s_sign_ = new("sign_");
        public Tensor sign() => s_sign.Call(this);
        public Tensor sign_() => s_sign_.CallInto(this, this);

        private static readonly Operator s_sgn = new("sgn");
        private static readonly Operator s_sgn_ = new("sgn_");
        public Tensor sgn() => s_sgn.Call(this);
        public Tensor sgn_() => s_sgn_.CallInto(this, this);

        private static readonly Operator s_signbit = new("signbit");
        public Tensor signbit() => s_signbit.Call(this);

        // Powers.

        private static readonly Operator s_pow_scalar = new("pow", "Tensor_Scalar");
        private static readonly Operator s_pow = new("pow", "Tensor_Tensor");
        private static readonly Operator s_pow_scalar_ = new("pow_", "Scalar");
        private static readonly Operator s_pow_ = new("pow_", "Tensor");
        public Tensor pow(Scalar exponent) => s_pow_scalar.Call(this, exponent);
        public Tensor pow(Tensor exponent) => s_pow.Call(this, exponent);
        public Tensor pow_(Scalar exponent) => s_pow_scalar_.CallInto(this, this, exponent);
        public Tensor pow_(Tensor exponent) => s_pow_.CallInto(this, this, exponent);

        public Tensor square() => pow(2);

        private static readonly Operator s_float_power = new("float_power", "Tensor_Tensor");
        private static readonly Operator s_float_power_ = new("float_power_", "Tensor");
        public Tensor float_power(Tensor target) => s_float_power.Call(this, target);
        public Tensor float_power_(Tensor target) => s_float_power_.CallInto(this, this, target);

        private static readonly Operator s_sqrt = new("sqrt");
        private static readonly Operator s_sqrt_ = new("sqrt_");
        public Tensor sqrt() => s_sqrt.Call(this);
        public Tensor sqrt_() => s_sqrt_.CallInto(this, this);

        private static readonly Operator s_rsqrt = new("rsqrt");
        private static readonly Operator s_rsqrt_ = new("rsqrt_");
        public Tensor rsqrt() => s_rsqrt.Call(this);
        public Tensor rsqrt_() => s_rsqrt_.CallInto(this, this);

        private static readonly Operator s_hypot = new("hypot");
        public Tensor hypot(Tensor other) => s_hypot.Call(this, other);

        private static readonly Operator s_ldexp = new("ldexp", "Tensor");
        private static readonly Operator s_ldexp_ = new("ldexp_");
        public Tensor ldexp(Tensor other) => s_ldexp.Call(this, other);
        public Tensor ldexp_(Tensor other) => s_ldexp_.CallInto(this, this, other);

        private static readonly Operator s_frexp = new("frexp", "Tensor");
        public (Tensor Mantissa, Tensor Exponent) frexp() => s_frexp.Call2(this);

        // Interpolation and neighbours.

        private static readonly Operator s_lerp = new("lerp", "Tensor");
        private static readonly Operator s_lerp_ = new("lerp_", "Tensor");
        public Tensor lerp(Tensor end, Tensor weight) => s_lerp.Call(this, end, weight);
        public Tensor lerp_(Tensor end, Tensor weight) => s_lerp_.CallInto(this, this, end, weight);

        private static readonly Operator s_nextafter = new("nextafter");
        private static readonly Operator s_nextafter_ = new("nextafter_");
        public Tensor nextafter(Tensor other) => s_nextafter.Call(this, other);
        public Tensor nextafter_(Tensor other) => s_nextafter_.CallInto(this, this, other);

        private static readonly Operator s_heaviside = new("heaviside");
        private static readonly Operator s_heaviside_ = new("heaviside_");
        public Tensor heaviside(Tensor other) => s_heaviside.Call(this, other);
        public Tensor heaviside_(Tensor other) => s_heaviside_.CallInto(this, this, other);

        // Integers.

        private static readonly Operator s_gcd = new("gcd");
        private static readonly Operator s_gcd_ = new("gcd_");
        public Tensor gcd(Tensor other) => s_gcd.Call(this, other);
        public Tensor gcd_(Tensor other) => s_gcd_.CallInto(this, this, other);

        private static readonly Operator s_lcm = new("lcm");
        private static readonly Operator s_lcm_ = new("lcm_");
        /// <exception cref="ArgumentException">The elements are no integers.</exception>
        public Tensor lcm(Tensor other) => s_lcm.Call(this, OfIntegers(other));
        /// <exception cref="ArgumentException">The elements are no integers.</exception>
        public Tensor lcm_(Tensor other) => s_lcm_.CallInto(this, this, OfIntegers(other));

        private Tensor OfIntegers(Tensor other) =>
            other is null || (torch.is_integral(dtype) && torch.is_integral(other.dtype)) ? other! : throw new ArgumentException($"The elements ({dtype} and {other.dtype}) must be integers.", nameof(other));

        // Where libtorch divides the least integer by −1, the processor ends the process. The quotient is the negative, which wraps, and no rest is left.
        private bool IsNegatedBy(Scalar divisor) =>
            divisor is { Kind: Scalar.Storage.Integer, Bits: -1 } && dtype is ScalarType.Int32 or ScalarType.Int64;

        private Tensor Divide(Tensor divisor, Func<Tensor, Tensor> divide)
        {
            using Tensor? negated = NegatedBy(divisor);
            if (negated is null) return divide(divisor);
            using Tensor ones = divisor.masked_fill(negated, 1), signs = negated.to(divisor.dtype);
            return divide(ones).mul_(signs.mul_(-2).add_(1));
        }

        private Tensor Rest(Tensor divisor, Func<Tensor, Tensor> rest)
        {
            using Tensor? negated = NegatedBy(divisor);
            if (negated is null) return rest(divisor);
            using Tensor ones = divisor.masked_fill(negated, 1);
            return rest(ones);
        }

        /// <summary>Where a divisor is −1 and a quotient could be beyond the largest integer; null where that is nowhere.</summary>
        private Tensor? NegatedBy(Tensor divisor)
        {
            if (device_type != DeviceType.CPU || !MayTrap(dtype, divisor.dtype)) return null;
            Tensor negated = divisor.eq(-1);
            using Tensor any = negated.any();
            if (any.item<bool>()) return negated;
            negated.Dispose();
            return null;

            static bool MayTrap(ScalarType dividend, ScalarType divisor) =>
                divisor is ScalarType.Int32 or ScalarType.Int64 ? torch.is_integral(dividend) : divisor is ScalarType.Int8 or ScalarType.Int16 && dividend is ScalarType.Int32 or ScalarType.Int64;
        }

        private static string NameOf(RoundingMode mode) => mode == RoundingMode.floor ? "floor" : "trunc";
    }
}

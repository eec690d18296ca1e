using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Comparisons, element by element.

        private static readonly Operator s_eq_scalar = new("eq", "Scalar");
        private static readonly Operator s_eq = new("eq", "Tensor");
        private static readonly Operator s_eq_scalar_ = new("eq_", "Scalar");
        private static readonly Operator s_eq_ = new("eq_", "Tensor");
        public Tensor eq(Scalar target) => target is null ? (Tensor)false : s_eq_scalar.Call(this, target);
        public Tensor eq(Tensor target) => target is null ? (Tensor)false : s_eq.Call(this, target);
        public Tensor eq_(Scalar target) => target is null ? (Tensor)false : s_eq_scalar_.CallInto(this, this, target);
        public Tensor eq_(Tensor target) => target is null ? (Tensor)false : s_eq_.CallInto(this, this, target);

        public Tensor equal(Tensor target) => eq(target);

        private static readonly Operator s_ge_scalar = new("ge", "Scalar");
        private static readonly Operator s_ge = new("ge", "Tensor");
        private static readonly Operator s_ge_scalar_ = new("ge_", "Scalar");
        private static readonly Operator s_ge_ = new("ge_", "Tensor");
        public Tensor ge(Scalar target) => target is null ? (Tensor)false : s_ge_scalar.Call(this, target);
        public Tensor ge(Tensor target) => target is null ? (Tensor)false : s_ge.Call(this, target);
        public Tensor ge_(Scalar target) => target is null ? (Tensor)false : s_ge_scalar_.CallInto(this, this, target);
        public Tensor ge_(Tensor target) => target is null ? (Tensor)false : s_ge_.CallInto(this, this, target);

        public Tensor greater_equal(Tensor target) => ge(target);

        public Tensor greater(Tensor target) => gt(target);

        private static readonly Operator s_gt_scalar = new("gt", "Scalar");
        private static readonly Operator s_gt = new("gt", "Tensor");
        private static readonly Operator s_gt_scalar_ = new("gt_", "Scalar");
        private static readonly Operator s_gt_ = new("gt_", "Tensor");
        public Tensor gt(Scalar target) => target is null ? (Tensor)false : s_gt_scalar.Call(this, target);
        public Tensor gt(Tensor target) => target is null ? (Tensor)false : s_gt.Call(this, target);
        public Tensor gt_(Scalar target) => target is null ? (Tensor)false : s_gt_scalar_.CallInto(this, this, target);
        public Tensor gt_(Tensor target) => target is null ? (Tensor)false : s_gt_.CallInto(this, this, target);

        private static readonly Operator s_le_scalar = new("le", "Scalar");
        private static readonly Operator s_le = new("le", "Tensor");
        private static readonly Operator s_le_scalar_ = new("le_", "Scalar");
        private static readonly Operator s_le_ = new("le_", "Tensor");
        public Tensor le(Scalar target) => s_le_scalar.Call(this, target);
        public Tensor le(Tensor target) => s_le.Call(this, target);
        public Tensor le_(Scalar target) => s_le_scalar_.CallInto(this, this, target);
        public Tensor le_(Tensor target) => s_le_.CallInto(this, this, target);

        public Tensor less_equal(Tensor target) => le(target);
        public Tensor less_equal_(Tensor target) => le_(target);

        public Tensor less(Tensor target) => lt(target);

        private static readonly Operator s_lt_scalar = new("lt", "Scalar");
        private static readonly Operator s_lt = new("lt", "Tensor");
        private static readonly Operator s_lt_scalar_ = new("lt_", "Scalar");
        private static readonly Operator s_lt_ = new("lt_", "Tensor");
        public Tensor lt(Scalar target) => s_lt_scalar.Call(this, target);
        public Tensor lt(Tensor target) => s_lt.Call(this, target);
        public Tensor lt_(Scalar target) => s_lt_scalar_.CallInto(this, this, target);
        public Tensor lt_(Tensor target) => s_lt_.CallInto(this, this, target);

        private static readonly Operator s_ne_scalar = new("ne", "Scalar");
        private static readonly Operator s_ne = new("ne", "Tensor");
        private static readonly Operator s_ne_scalar_ = new("ne_", "Scalar");
        private static readonly Operator s_ne_ = new("ne_", "Tensor");
        public Tensor ne(Scalar target) => s_ne_scalar.Call(this, target);
        public Tensor ne(Tensor target) => s_ne.Call(this, target);
        public Tensor ne_(Scalar target) => s_ne_scalar_.CallInto(this, this, target);
        public Tensor ne_(Tensor target) => s_ne_.CallInto(this, this, target);

        public Tensor not_equal(Tensor target) => ne(target);
        public Tensor not_equal_(Tensor target) => ne_(target);

        // Closeness and membership.

        private static readonly Operator s_allclose = new("allclose");
        public bool allclose(Tensor target, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) =>
            target is not null && s_allclose.CallBool(this, target, rtol, atol, equal_nan);

        private static readonly Operator s_isclose = new("isclose");
        public Tensor isclose(Tensor other, double rtol = 1e-5, double atol = 1e-8, bool nanEqual = false) => s_isclose.Call(this, other, rtol, atol, nanEqual);

        private static readonly Operator s_isin = new("isin", "Tensor_Tensor");
        public Tensor isin(Tensor test_elements, bool assumeUnique = false, bool invert = false) =>
            s_isin.Call(this, test_elements, assumeUnique, invert);

        // Kinds of numbers.

        private static readonly Operator s_isfinite = new("isfinite");
        public Tensor isfinite() => s_isfinite.Call(this);

        private static readonly Operator s_isinf = new("isinf");
        public Tensor isinf() => s_isinf.Call(this);

        private static readonly Operator s_isnan = new("isnan");
        public Tensor isnan() => s_isnan.Call(this);

        private static readonly Operator s_isneginf = new("isneginf");
        public Tensor isneginf() => s_isneginf.Call(this);

        private static readonly Operator s_isposinf = new("isposinf");
        public Tensor isposinf() => s_isposinf.Call(this);

        private static readonly Operator s_isreal = new("isreal");
        public Tensor isreal() => s_isreal.Call(this);

        private static readonly Operator s_is_nonzero = new("is_nonzero");
        /// <exception cref="InvalidOperationException">There is not exactly one element.</exception>
        public bool is_nonzero() =>
            NumberOfElements == 1 ? s_is_nonzero.CallBool(this) : throw new InvalidOperationException($"is_nonzero() is for one element, and the tensor has {NumberOfElements}.");
    }
}

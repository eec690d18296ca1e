using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Bits of integers.

        private static readonly Operator s_bitwise_and = new("bitwise_and", "Tensor");
        private static readonly Operator s_bitwise_and_ = new("bitwise_and_", "Tensor");
        public Tensor bitwise_and(Tensor other) => s_bitwise_and.Call(this, other);
        public Tensor bitwise_and_(Tensor other) => s_bitwise_and_.CallInto(this, this, other);

        private static readonly Operator s_bitwise_left_shift = new("bitwise_left_shift", "Tensor");
        private static readonly Operator s_bitwise_left_shift_ = new("bitwise_left_shift_", "Tensor");
        public Tensor bitwise_left_shift(Tensor other) => s_bitwise_left_shift.Call(this, other);
        public Tensor bitwise_left_shift_(Tensor other) => s_bitwise_left_shift_.CallInto(this, this, other);

        private static readonly Operator s_bitwise_not = new("bitwise_not");
        private static readonly Operator s_bitwise_not_ = new("bitwise_not_");
        public Tensor bitwise_not() => s_bitwise_not.Call(this);
        public Tensor bitwise_not_() => s_bitwise_not_.CallInto(this, this);

        private static readonly Operator s_bitwise_or = new("bitwise_or", "Tensor");
        private static readonly Operator s_bitwise_or_ = new("bitwise_or_", "Tensor");
        public Tensor bitwise_or(Tensor other) => s_bitwise_or.Call(this, other);
        public Tensor bitwise_or_(Tensor other) => s_bitwise_or_.CallInto(this, this, other);

        private static readonly Operator s_bitwise_right_shift = new("bitwise_right_shift", "Tensor");
        private static readonly Operator s_bitwise_right_shift_ = new("bitwise_right_shift_", "Tensor");
        public Tensor bitwise_right_shift(Tensor other) => s_bitwise_right_shift.Call(this, other);
        public Tensor bitwise_right_shift_(Tensor other) => s_bitwise_right_shift_.CallInto(this, this, other);

        private static readonly Operator s_bitwise_xor = new("bitwise_xor", "Tensor");
        private static readonly Operator s_bitwise_xor_ = new("bitwise_xor_", "Tensor");
        public Tensor bitwise_xor(Tensor other) => s_bitwise_xor.Call(this, other);
        public Tensor bitwise_xor_(Tensor other) => s_bitwise_xor_.CallInto(this, this, other);

        // Truth of elements.

        private static readonly Operator s_logical_and = new("logical_and");
        private static readonly Operator s_logical_and_ = new("logical_and_");
        public Tensor logical_and(Tensor other) => s_logical_and.Call(this, other);
        public Tensor logical_and_(Tensor other) => s_logical_and_.CallInto(this, this, other);

        private static readonly Operator s_logical_not = new("logical_not");
        private static readonly Operator s_logical_not_ = new("logical_not_");
        public Tensor logical_not() => s_logical_not.Call(this);
        public Tensor logical_not_() => s_logical_not_.CallInto(this, this);

        private static readonly Operator s_logical_or = new("logical_or");
        private static readonly Operator s_logical_or_ = new("logical_or_");
        public Tensor logical_or(Tensor other) => s_logical_or.Call(this, other);
        public Tensor logical_or_(Tensor other) => s_logical_or_.CallInto(this, this, other);

        private static readonly Operator s_logical_xor = new("logical_xor");
        private static readonly Operator s_logical_xor_ = new("logical_xor_");
        public Tensor logical_xor(Tensor other) => s_logical_xor.Call(this, other);
        public Tensor logical_xor_(Tensor other) => s_logical_xor_.CallInto(this, this, other);
    }
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_dropout = new("dropout"), s_dropoutInPlace = new("dropout_");

            private static Tensor Drop(Operator op, Operator inPlace, Tensor input, double p, bool training, bool inplace)
            {
                if (p is not (>= 0 and <= 1)) throw new ArgumentException($"The dropout probability must be between 0 and 1, but is {p}.", nameof(p));
                return inplace ? inPlace.Call(input, p, training) : op.Call(input, p, training);
            }

            public static Tensor dropout(Tensor input, double p = 0.5, bool training = true, bool inplace = false) =>
                Drop(s_dropout, s_dropoutInPlace, input, p, training, inplace);
        }
    }
}

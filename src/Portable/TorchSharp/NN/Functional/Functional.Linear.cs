using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>The operations of neural networks as functions.</summary>
        public static partial class functional
        {
            private static readonly Operator s_linear = new("linear");
            private static readonly Operator s_bilinear = new("bilinear");

            /// <summary>x Wᵀ + b.</summary>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null) => s_linear.Call(input, weights, bias);

            public static Tensor bilinear(Tensor input1, Tensor input2, Tensor weight, Tensor? bias = null) => s_bilinear.Call(input1, input2, weight, bias);
        }
    }
}

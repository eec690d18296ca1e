using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        // A function that works in place answers with another object over the same tensor.
        public static partial class functional
        {
            private static readonly Operator s_relu = new("relu"), s_reluInPlace = new("relu_");
            private static readonly Operator s_relu6 = new("relu6"), s_relu6InPlace = new("relu6_");
            private static readonly Operator s_silu = new("silu"), s_siluInPlace = new("silu_");
            private static readonly Operator s_mish = new("mish"), s_mishInPlace = new("mish_");
            private static readonly Operator s_sigmoid = new("sigmoid"), s_sigmoidInPlace = new("sigmoid_");
            private static readonly Operator s_tanh = new("tanh"), s_tanhInPlace = new("tanh_");
            private static readonly Operator s_selu = new("selu"), s_seluInPlace = new("selu_");
            private static readonly Operator s_hardswish = new("hardswish"), s_hardswishInPlace = new("hardswish_");
            private static readonly Operator s_hardsigmoid = new("hardsigmoid"), s_hardsigmoidInPlace = new("hardsigmoid_");
            private static readonly Operator s_elu = new("elu"), s_eluInPlace = new("elu_");
            private static readonly Operator s_celu = new("celu"), s_celuInPlace = new("celu_");
            private static readonly Operator s_leakyRelu = new("leaky_relu"), s_leakyReluInPlace = new("leaky_relu_");
            private static readonly Operator s_rrelu = new("rrelu"), s_rreluInPlace = new("rrelu_");
            private static readonly Operator s_hardtanh = new("hardtanh"), s_hardtanhInPlace = new("hardtanh_");
            private static readonly Operator s_threshold = new("threshold"), s_thresholdInPlace = new("threshold_");
            private static readonly Operator s_gelu = new("gelu"), s_geluInPlace = new("gelu_");
            private static readonly Operator s_hardshrink = new("hardshrink"), s_softshrink = new("softshrink"), s_softplus = new("softplus");
            private static readonly Operator s_glu = new("glu"), s_prelu = new("prelu"), s_logSigmoid = new("log_sigmoid");
            private static readonly Operator s_softmax = new("softmax", "int"), s_logSoftmax = new("log_softmax", "int");
            private static readonly Operator s_neg = new("neg"), s_abs = new("abs"), s_addScalarInPlace = new("add_", "Scalar");
            private static readonly Operator s_div = new("div", "Tensor"), s_divInPlace = new("div_", "Tensor");
            private static readonly Operator s_sub = new("sub", "Tensor"), s_subInPlace = new("sub_", "Tensor");

            public static Tensor relu(Tensor x, bool inplace = false) => (inplace ? s_reluInPlace : s_relu).Call(x);

            public static Tensor relu6(Tensor x, bool inplace = false) => (inplace ? s_relu6InPlace : s_relu6).Call(x);

            public static Tensor silu(Tensor x, bool inplace = false) => (inplace ? s_siluInPlace : s_silu).Call(x);

            public static Tensor mish(Tensor x, bool inplace = false) => (inplace ? s_mishInPlace : s_mish).Call(x);

            public static Tensor sigmoid(Tensor x, bool inplace) => (inplace ? s_sigmoidInPlace : s_sigmoid).Call(x);

            public static Tensor tanh(Tensor x, bool inplace = false) => (inplace ? s_tanhInPlace : s_tanh).Call(x);

            public static Tensor selu(Tensor x, bool inplace = false) => (inplace ? s_seluInPlace : s_selu).Call(x);

            public static Tensor hardswish(Tensor input, bool inplace = false) => (inplace ? s_hardswishInPlace : s_hardswish).Call(input);

            public static Tensor hardsigmoid(Tensor input, bool inplace = false) => (inplace ? s_hardsigmoidInPlace : s_hardsigmoid).Call(input);

            public static Tensor elu(Tensor x, double alpha, bool inplace = false) => (inplace ? s_eluInPlace : s_elu).Call(x, alpha);

            public static Tensor celu(Tensor x, double alpha, bool inplace = false) => (inplace ? s_celuInPlace : s_celu).Call(x, alpha);

            public static Tensor leaky_relu(Tensor input, double negative_slope = 0.01, bool inplace = false) => (inplace ? s_leakyReluInPlace : s_leakyRelu).Call(input, negative_slope);

            public static Tensor rrelu(Tensor x, double lower = 1.0 / 8.0, double upper = 1.0 / 3.0, bool inplace = false) => (inplace ? s_rreluInPlace : s_rrelu).Call(x, lower, upper);

            public static Tensor hardtanh(Tensor x, double min_val = -1.0, double max_val = 1.0, bool inplace = false) => (inplace ? s_hardtanhInPlace : s_hardtanh).Call(x, min_val, max_val);

            public static Tensor threshold(Tensor x, double threshold, double value, bool inplace = false) => (inplace ? s_thresholdInPlace : s_threshold).Call(x, threshold, value);

            public static Tensor sigmoid(Tensor x) => s_sigmoid.Call(x);

            public static Tensor gelu(Tensor x) => s_gelu.Call(x);

            public static Tensor gelu(Tensor x, bool inplace) => (inplace ? s_geluInPlace : s_gelu).Call(x);

            public static Tensor gelu(Tensor x, GELU.Approximate approximate, bool inplace = false) =>
                (inplace ? s_geluInPlace : s_gelu).Call(x, approximate == Modules.GELU.Approximate.tanh ? "tanh" : "none");

            public static Tensor hardshrink(Tensor x, double lambda = 0.5) => s_hardshrink.Call(x, lambda);

            public static Tensor softshrink(Tensor x, double lambda = 0.5) => s_softshrink.Call(x, lambda);

            public static Tensor softplus(Tensor x, double beta = 1, double threshold = 20) => s_softplus.Call(x, beta, threshold);

            public static Tensor glu(Tensor input, long dim = -1) => s_glu.Call(input, dim);

            public static Tensor prelu(Tensor input, Tensor weight) => s_prelu.Call(input, weight);

            public static Tensor logsigmoid(Tensor x) => s_logSigmoid.Call(x);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => s_softmax.Call(input, dim, dtype);

            public static Tensor log_softmax(Tensor x, long dim) => s_logSoftmax.Call(x, dim);

            public static Tensor softmin(Tensor x, long dim)
            {
                using Tensor negative = s_neg.Call(x);
                return s_softmax.Call(negative, dim);
            }

            /// <summary>The softmax over the channels of (…, C, H, W).</summary>
            public static Tensor softmax2d(Tensor x) => s_softmax.Call(x, -3);

            public static Tensor softsign(Tensor x, bool inplace = false)
            {
                using Tensor divisor = s_abs.Call(x);
                s_addScalarInPlace.CallInto(divisor, divisor, 1);
                return (inplace ? s_divInPlace : s_div).Call(x, divisor);
            }

            public static Tensor tanhshrink(Tensor x, bool inplace = false)
            {
                using Tensor t = s_tanh.Call(x);
                return (inplace ? s_subInPlace : s_sub).Call(x, t);
            }

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Hardshrink(Tensor x, double lambda = 0.5) => hardshrink(x, lambda);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Hardtanh(Tensor x, double min_val = -1.0, double max_val = 1.0, bool inplace = false) => hardtanh(x, min_val, max_val, inplace);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Mish(Tensor x) => mish(x);

            [Obsolete("Incorrect name capitalization", false)]
            public static Tensor SiLU(Tensor x, bool inplace = false) => silu(x, inplace);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Softshrink(Tensor x, double lambda = 0.5) => softshrink(x, lambda);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Softsign(Tensor x) => softsign(x);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Tanhshrink(Tensor x) => tanhshrink(x);

            [Obsolete("Not using the PyTorch naming convention.", false)]
            public static Tensor Threshold(Tensor x, double threshold, double value, bool inplace = false) => functional.threshold(x, threshold, value, inplace);
        }
    }
}

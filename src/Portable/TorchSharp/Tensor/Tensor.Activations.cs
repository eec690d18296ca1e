using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        // Rectifiers.

        private static readonly Operator s_relu = new("relu");
        private static readonly Operator s_relu_ = new("relu_");
        public Tensor relu() => s_relu.Call(this);
        public Tensor relu_() => s_relu_.CallInto(this, this);

        private static readonly Operator s_relu6 = new("relu6");
        private static readonly Operator s_relu6_ = new("relu6_");
        public Tensor relu6() => s_relu6.Call(this);
        public Tensor relu6_() => s_relu6_.CallInto(this, this);

        private static readonly Operator s_leaky_relu = new("leaky_relu");
        private static readonly Operator s_leaky_relu_ = new("leaky_relu_");
        public Tensor leaky_relu(Scalar negative_slope) => s_leaky_relu.Call(this, negative_slope);
        public Tensor leaky_relu_(Scalar negative_slope) => s_leaky_relu_.CallInto(this, this, negative_slope);

        private static readonly Operator s_prelu = new("prelu");
        public Tensor prelu(Tensor target) => s_prelu.Call(this, target);

        private static readonly Operator s_rrelu = new("rrelu");
        private static readonly Operator s_rrelu_ = new("rrelu_");
        public Tensor rrelu(double lower = 0.125, double upper = 0.3333333333333333) => s_rrelu.Call(this, lower, upper);
        public Tensor rrelu_(double lower = 0.125, double upper = 0.3333333333333333) => s_rrelu_.CallInto(this, this, lower, upper);

        private static readonly Operator s_threshold = new("threshold");
        private static readonly Operator s_threshold_ = new("threshold_");
        public Tensor threshold(Scalar threshold, Scalar value) => s_threshold.Call(this, threshold, value);
        public Tensor threshold_(Scalar threshold, Scalar value) => s_threshold_.CallInto(this, this, threshold, value);

        private static readonly Operator s_hardtanh = new("hardtanh");
        private static readonly Operator s_hardtanh_ = new("hardtanh_");
        public Tensor hardtanh(Scalar min, Scalar max) => s_hardtanh.Call(this, min, max);
        public Tensor hardtanh_(Scalar min, Scalar max) => s_hardtanh_.CallInto(this, this, min, max);

        // Smooth rectifiers.

        private static readonly Operator s_celu = new("celu");
        private static readonly Operator s_celu_ = new("celu_");
        public Tensor celu() => s_celu.Call(this);
        public Tensor celu(Scalar alpha) => s_celu.Call(this, alpha);
        public Tensor celu_() => s_celu_.CallInto(this, this);
        public Tensor celu_(Scalar alpha) => s_celu_.CallInto(this, this, alpha);

        private static readonly Operator s_elu = new("elu");
        private static readonly Operator s_elu_ = new("elu_");
        public Tensor elu(Scalar alpha, Scalar scale, Scalar input_scale) => s_elu.Call(this, alpha, scale, input_scale);
        public Tensor elu(double alpha = 1) => s_elu.Call(this, alpha);
        public Tensor elu_(Scalar alpha, Scalar scale, Scalar input_scale) => s_elu_.CallInto(this, this, alpha, scale, input_scale);
        public Tensor elu_(double alpha = 1) => s_elu_.CallInto(this, this, alpha);

        private static readonly Operator s_gelu = new("gelu");
        private static readonly Operator s_gelu_ = new("gelu_");
        public Tensor gelu() => s_gelu.Call(this);
        public Tensor gelu(Modules.GELU.Approximate approximate) => s_gelu.Call(this, NameOf(approximate));
        public Tensor gelu_() => s_gelu_.CallInto(this, this);
        public Tensor gelu_(Modules.GELU.Approximate approximate) => s_gelu_.CallInto(this, this, NameOf(approximate));

        private static string NameOf(Modules.GELU.Approximate approximate) => approximate switch
        {
            Modules.GELU.Approximate.none => "none",
            Modules.GELU.Approximate.tanh => "tanh",
            _ => throw new ArgumentOutOfRangeException(nameof(approximate), approximate, "The approximation of GELU is none or tanh."),
        };

        private static readonly Operator s_selu = new("selu");
        private static readonly Operator s_selu_ = new("selu_");
        public Tensor selu() => s_selu.Call(this);
        public Tensor selu_() => s_selu_.CallInto(this, this);

        private static readonly Operator s_silu = new("silu");
        private static readonly Operator s_silu_ = new("silu_");
        public Tensor silu() => s_silu.Call(this);
        public Tensor silu_() => s_silu_.CallInto(this, this);

        private static readonly Operator s_softplus = new("softplus");
        public Tensor softplus(double beta = 1, double threshold = 20) => s_softplus.Call(this, beta, threshold);

        private static readonly Operator s_hardswish = new("hardswish");
        private static readonly Operator s_hardswish_ = new("hardswish_");
        public Tensor hardswish() => s_hardswish.Call(this);
        public Tensor hardswish_() => s_hardswish_.CallInto(this, this);

        // Gates and distributions.

        private static readonly Operator s_glu = new("glu");
        public Tensor glu(long dim = -1) => s_glu.Call(this, dim);

        private static readonly Operator s_hardsigmoid = new("hardsigmoid");
        private static readonly Operator s_hardsigmoid_ = new("hardsigmoid_");
        public Tensor hardsigmoid() => s_hardsigmoid.Call(this);
        public Tensor hardsigmoid_() => s_hardsigmoid_.CallInto(this, this);

        private static readonly Operator s_log_sigmoid = new("log_sigmoid");
        public Tensor log_sigmoid() => s_log_sigmoid.Call(this);

        private static readonly Operator s_log_softmax = new("log_softmax", "int");
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => s_log_softmax.Call(this, dim, dtype);

        private static readonly Operator s_sigmoid = new("sigmoid");
        private static readonly Operator s_sigmoid_ = new("sigmoid_");
        public Tensor sigmoid() => s_sigmoid.Call(this);
        public Tensor sigmoid_() => s_sigmoid_.CallInto(this, this);

        private static readonly Operator s_softmax = new("softmax", "int");
        public Tensor softmax(long dim, ScalarType? dtype = null) => s_softmax.Call(this, dim, dtype);
    }
}

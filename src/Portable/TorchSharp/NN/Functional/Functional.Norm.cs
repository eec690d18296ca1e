using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        public static partial class functional
        {
            private static readonly Operator s_layerNorm = new("layer_norm"), s_groupNorm = new("group_norm");
            private static readonly Operator s_batchNorm = new("batch_norm"), s_instanceNorm = new("instance_norm");
            private static readonly Operator s_norm = new("norm", "ScalarOpt_dim");
            private static readonly Operator s_pow = new("pow", "Tensor_Scalar"), s_reshape = new("reshape");

            public static Tensor layer_norm(Tensor input, long[] normalized_shape, Tensor? weight = null, Tensor? bias = null, double eps = 1e-05) =>
                s_layerNorm.Call(input, normalized_shape, weight, bias, eps);

            public static Tensor group_norm(Tensor input, long num_groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5) =>
                s_groupNorm.Call(input, num_groups, weight, bias, eps);

            public static Tensor batch_norm(Tensor input, Tensor? running_mean, Tensor? running_var, Tensor? weight = null, Tensor? bias = null, bool training = false,
                double momentum = 0.1, double eps = 1e-5) => s_batchNorm.Call(input, weight, bias, running_mean, running_var, training, momentum, eps, true);

            public static Tensor instance_norm(Tensor input, Tensor? running_mean = null, Tensor? running_var = null, Tensor? weight = null, Tensor? bias = null,
                bool use_input_stats = true, double momentum = 0.1, double eps = 1e-5) =>
                s_instanceNorm.Call(input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, true);

            /// <summary>x / max(‖x‖ₚ, eps) along an axis.</summary>
            public static Tensor normalize(Tensor input, double p = 2.0, long dim = 1L, double eps = 1e-12)
            {
                using Tensor norm = s_norm.Call(input, p, new[] { dim }, true);
                using Tensor divisor = s_clampMin.Call(norm, eps);
                return s_div.Call(input, divisor);
            }

            /// <summary>x / (k + α mean of x² over neighbouring channels)^β.</summary>
            public static Tensor local_response_norm(Tensor input, long size, double alpha = 0.0001, double beta = 0.75, double k = 1.0)
            {
                long[] shape = input.shape;
                if (shape.Length < 3) throw new ArgumentException($"Invalid number of dimensions for LocalResponseNorm argument: {shape.Length}");
                using DisposeScope scope = NewDisposeScope();
                // (N, 1, C, rest): a window over the channels. The padding counts as zeros, so the mean is over size channels everywhere.
                Tensor squares = s_reshape.Call(s_square.Call(input), new[] { shape[0], 1, shape[1], -1 });
                squares = pad(squares, [0, 0, size / 2, (size - 1) / 2]);
                Tensor mean = s_reshape.Call(avg_pool2d(squares, [size, 1L], [1L, 1L]), shape);
                Tensor divisor = s_pow.Call(s_addScalar.Call(s_mulScalar.Call(mean, alpha), k), beta);
                return s_div.Call(input, divisor).MoveToOuterDisposeScope();
            }
        }
    }
}

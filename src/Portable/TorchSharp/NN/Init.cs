using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Initial values. All functions work in place, outside the autograd graph, and return their argument.</summary>
        public static partial class init
        {
            public enum NonlinearityType
            {
                Linear = 0,
                Conv1D = 1,
                Conv2D = 2,
                Conv3D = 3,
                ConvTranspose1D = 4,
                ConvTranspose2D = 5,
                ConvTranspose3D = 6,
                Sigmoid = 7,
                Tanh = 8,
                ReLU = 9,
                LeakyReLU = 10,
            }

            public enum FanInOut
            {
                FanIn = 0,
                FanOut = 1,
            }

            private static readonly Operator s_uniform = new("uniform_");
            private static readonly Operator s_normal = new("normal_");
            private static readonly Operator s_fill = new("fill_", "Scalar");
            private static readonly Operator s_eye = new("eye", "m_out");
            private static readonly Operator s_erfinv = new("erfinv_");
            private static readonly Operator s_mul = new("mul_", "Scalar");
            private static readonly Operator s_mulTensor = new("mul_", "Tensor");
            private static readonly Operator s_add = new("add_", "Scalar");
            private static readonly Operator s_clamp = new("clamp_");
            private static readonly Operator s_select = new("select", "int");
            private static readonly Operator s_slice = new("slice", "Tensor");
            private static readonly Operator s_indexFill = new("index_fill_", "int_Scalar");
            private static readonly Operator s_randperm = new("randperm");
            private static readonly Operator s_qr = new("linalg_qr");
            private static readonly Operator s_diagonal = new("diagonal");
            private static readonly Operator s_sign = new("sign");
            private static readonly Operator s_t = new("t");
            private static readonly Operator s_viewAs = new("view_as");

            private static Tensor Fill(Tensor tensor, Operator op, double first, double second, Generator? generator)
            {
                using IDisposable noGrad = no_grad();
                return op.CallInto(tensor, tensor, first, second, generator);
            }

            public static Tensor uniform_(Tensor tensor, double low = 0, double high = 1, Generator? generator = null) => Fill(tensor, s_uniform, low, high, generator);

            public static Tensor normal_(Tensor tensor, double mean = 0, double std = 1, Generator? generator = null) => Fill(tensor, s_normal, mean, std, generator);

            public static Tensor constant_(Tensor tensor, Scalar val)
            {
                using IDisposable noGrad = no_grad();
                return s_fill.CallInto(tensor, tensor, val);
            }

            public static Tensor ones_(Tensor tensor) => constant_(tensor, 1);

            public static Tensor zeros_(Tensor tensor) => constant_(tensor, 0);

            /// <summary>The identity matrix.</summary>
            public static Tensor eye_(Tensor tensor)
            {
                if (tensor.Dimensions != 2) throw new ArgumentException($"eye_ takes a tensor with 2 dimensions, not {tensor.Dimensions}.", nameof(tensor));
                using IDisposable noGrad = no_grad();
                return s_eye.CallInto(tensor, tensor.size(0), tensor.size(1), tensor);
            }

            /// <summary>A convolution kernel (output, input, size …) that passes as many input channels through as it can.</summary>
            public static Tensor dirac_(Tensor tensor)
            {
                long[] shape = tensor.shape;
                if (shape.Length is < 3 or > 5) throw new ArgumentException($"dirac_ takes a tensor with 3, 4 or 5 dimensions, not {shape.Length}.", nameof(tensor));
                using IDisposable noGrad = no_grad();
                using DisposeScope scope = NewDisposeScope();
                Kernels.ZeroInPlace(tensor);
                for (long channel = 0; channel < Math.Min(shape[0], shape[1]); channel++)
                {
                    Tensor place = s_select.Call(s_select.Call(tensor, 0, channel), 0, channel);
                    for (int axis = 2; axis < shape.Length; axis++) place = s_select.Call(place, 0, shape[axis] / 2);
                    Kernels.FillInPlace(place, 1);
                }
                return tensor;
            }

            /// <summary>Normal values, cut off at a and b, by the inverse of the distribution function.</summary>
            public static Tensor trunc_normal_(Tensor tensor, double mean = 0.0, double std = 1.0, double a = -2.0, double b = 2.0, Generator? generator = null)
            {
                double low = NormalDistribution((a - mean) / std), high = NormalDistribution((b - mean) / std);
                using IDisposable noGrad = no_grad();
                s_uniform.CallInto(tensor, tensor, 2 * low - 1, 2 * high - 1, generator);
                s_erfinv.CallInto(tensor, tensor);
                s_mul.CallInto(tensor, tensor, std * Math.Sqrt(2));
                s_add.CallInto(tensor, tensor, mean);
                return s_clamp.CallInto(tensor, tensor, a, b);
            }

            // Φ(x) = (1 + erf(x / √2)) / 2, with libtorch's erf in double precision.
            private static double NormalDistribution(double x)
            {
                using Tensor t = Kernels.Empty([], CPU, ScalarType.Float64);
                Kernels.FillInPlace(t, x / Math.Sqrt(2));
                using Tensor erf = s_erf.Call(t);
                return (1 + Kernels.Item(erf)) / 2;
            }

            private static readonly Operator s_erf = new("erf");

            /// <summary>A matrix with orthonormal rows or columns, times gain (Saxe et al., 2014).</summary>
            public static Tensor orthogonal_(Tensor tensor, double gain = 1.0)
            {
                if (tensor.Dimensions < 2) throw new ArgumentException($"orthogonal_ takes a tensor with 2 or more dimensions, not {tensor.Dimensions}.", nameof(tensor));
                if (tensor.NumberOfElements == 0) return tensor;
                using IDisposable noGrad = no_grad();
                using DisposeScope scope = NewDisposeScope();
                long rows = tensor.size(0), columns = tensor.NumberOfElements / rows;
                Tensor random = Kernels.Empty([rows, columns], tensor.device, tensor.dtype);
                normal_(random);
                if (rows < columns) random = s_t.Call(random);
                var (q, r) = s_qr.Call2(random);
                s_mulTensor.CallInto(q, q, s_sign.Call(s_diagonal.Call(r)));
                if (rows < columns) q = s_t.Call(q);
                Kernels.CopyInPlace(tensor, s_viewAs.Call(Kernels.Contiguous(q), tensor));
                s_mul.CallInto(tensor, tensor, gain);
                return tensor;
            }

            /// <summary>Normal values, with the same share of zeros in each column.</summary>
            public static Tensor sparse_(Tensor tensor, double sparsity, double std = 0.01)
            {
                if (tensor.Dimensions != 2) throw new ArgumentException($"sparse_ takes a tensor with 2 dimensions, not {tensor.Dimensions}.", nameof(tensor));
                long rows = tensor.size(0), columns = tensor.size(1), zeros = (long)Math.Ceiling(sparsity * rows);
                using IDisposable noGrad = no_grad();
                using DisposeScope scope = NewDisposeScope();
                normal_(tensor, 0, std);
                for (long column = 0; column < columns; column++)
                {
                    Tensor places = s_slice.Call(s_randperm.Call(rows, ScalarType.Int64, Value.None, tensor.device), 0, 0, zeros);
                    Tensor values = s_select.Call(tensor, 1, column);
                    s_indexFill.CallInto(values, values, 0, places, 0.0);
                }
                return tensor;
            }

            /// <summary>U(−√3 s, √3 s) with s = gain / √fan (He et al., 2015).</summary>
            public static Tensor kaiming_uniform_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU)
            {
                double bound = Math.Sqrt(3.0) * KaimingStd(tensor, a, mode, nonlinearity);
                return uniform_(tensor, -bound, bound);
            }

            /// <summary>N(0, s²) with s = gain / √fan (He et al., 2015).</summary>
            public static Tensor kaiming_normal_(Tensor tensor, double a = 0, FanInOut mode = FanInOut.FanIn, NonlinearityType nonlinearity = NonlinearityType.LeakyReLU) =>
                normal_(tensor, 0, KaimingStd(tensor, a, mode, nonlinearity));

            private static double KaimingStd(Tensor tensor, double a, FanInOut mode, NonlinearityType nonlinearity)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return calculate_gain(nonlinearity, a) / Math.Sqrt(mode == FanInOut.FanIn ? fanIn : fanOut);
            }

            /// <summary>U(−√3 s, √3 s) with s = gain √(2 / (fan in + fan out)) (Glorot and Bengio, 2010).</summary>
            public static Tensor xavier_uniform_(Tensor tensor, double gain = 1.0)
            {
                double bound = Math.Sqrt(3.0) * XavierStd(tensor, gain);
                return uniform_(tensor, -bound, bound);
            }

            /// <summary>N(0, s²) with s = gain √(2 / (fan in + fan out)) (Glorot and Bengio, 2010).</summary>
            public static Tensor xavier_normal_(Tensor tensor, double gain = 1.0) => normal_(tensor, 0, XavierStd(tensor, gain));

            public static Tensor glorot_uniform_(Tensor tensor, double gain = 1.0) => xavier_uniform_(tensor, gain);

            public static Tensor glorot_normal_(Tensor tensor, double gain = 1.0) => xavier_normal_(tensor, gain);

            private static double XavierStd(Tensor tensor, double gain)
            {
                var (fanIn, fanOut) = CalculateFanInAndFanOut(tensor);
                return gain * Math.Sqrt(2.0 / (fanIn + fanOut));
            }

            public static double calculate_gain(NonlinearityType nonlinearity, double param = 0.0) => nonlinearity switch
            {
                NonlinearityType.Tanh => 5.0 / 3.0,
                NonlinearityType.ReLU => Math.Sqrt(2.0),
                NonlinearityType.LeakyReLU => Math.Sqrt(2.0 / (1 + param * param)),
                _ => 1.0,
            };

            /// <summary>The inputs of one output, and the outputs of one input, of a weight (output, input, kernel …).</summary>
            public static (long fanIn, long fanOut) CalculateFanInAndFanOut(Tensor tensor)
            {
                long[] shape = tensor.shape;
                if (shape.Length < 2) throw new ArgumentException("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions");
                long field = 1;
                foreach (long n in shape.AsSpan(2)) field *= n;
                return (shape[1] * field, shape[0] * field);
            }

            /// <summary>The default of linear and convolution layers: both weight and bias are U(−1/√fan in, 1/√fan in).</summary>
            internal static void InitializeAffine(Tensor weight, Tensor? bias)
            {
                kaiming_uniform_(weight, Math.Sqrt(5));
                if (bias is null) return;
                long fanIn = CalculateFanInAndFanOut(weight).fanIn;
                double bound = fanIn > 0 ? 1 / Math.Sqrt(fanIn) : 0;
                uniform_(bias, -bound, bound);
            }
        }
    }
}

using TorchSharp.Interop;
using TorchSharp.Modules;

namespace TorchSharp;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>Helpers for training.</summary>
        public static partial class utils
        {
            private static readonly Operator s_vectorNorm = new("linalg_vector_norm"), s_stack = new("stack"), s_cat = new("cat");
            private static readonly Operator s_mul = new("mul_", "Tensor"), s_mulScalar = new("mul", "Scalar"), s_reciprocal = new("reciprocal"), s_addScalar = new("add", "Scalar");
            private static readonly Operator s_clampMax = new("clamp_max"), s_clampInPlace = new("clamp_"), s_reshape = new("reshape"), s_slice = new("slice", "Tensor");
            private static readonly Operator s_viewAs = new("view_as"), s_setData = new("set_data");

            /// <summary>Scales the gradients down so that the norm of all of them together is at most max_norm.</summary>
            /// <returns>The norm before; reading it waits for the device.</returns>
            public static double clip_grad_norm_(IEnumerable<Parameter> tensors, double max_norm, double norm_type = 2.0)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable noGrad = no_grad();
                List<Tensor> grads = Gradients(tensors);
                if (grads.Count == 0) return 0.0;
                Device device = grads[0].device;
                Tensor[] norms = [.. grads.Select(g => Kernels.To(s_vectorNorm.Call(g, norm_type), g.dtype, device))];
                Tensor total = s_vectorNorm.Call(s_stack.Call(Value.Tensors(norms)), norm_type);
                double result = Kernels.Item(total);
                // A coefficient of 1 is applied too, so that the device need not be waited for; NaN reaches the gradients.
                Tensor coefficient = s_clampMax.Call(s_mulScalar.Call(s_reciprocal.Call(s_addScalar.Call(total, 1e-6)), max_norm), 1.0);
                foreach (Tensor g in grads) s_mul.CallInto(g, g, g.device_type == device.type ? coefficient : Kernels.To(coefficient, coefficient.dtype, g.device));
                return result;
            }

            /// <summary>Moves every element of the gradients into [−clip_value, clip_value].</summary>
            public static void clip_grad_value_(IEnumerable<Parameter> tensors, double clip_value)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable noGrad = no_grad();
                foreach (Tensor g in Gradients(tensors)) s_clampInPlace.CallInto(g, g, -clip_value, clip_value);
            }

            private static List<Tensor> Gradients(IEnumerable<Parameter> tensors)
            {
                var list = new List<Tensor>();
                foreach (Parameter p in tensors)
                    if (p.grad is { } g) list.Add(g);
                return list;
            }

            /// <summary>All parameters one after the other in one axis; a copy, through which gradients flow.</summary>
            public static Tensor parameters_to_vector(IEnumerable<Parameter> tensors)
            {
                using DisposeScope scope = NewDisposeScope();
                Tensor[] flat = [.. tensors.Select(p => s_reshape.Call(p, new[] { -1L }))];
                return s_cat.Call(Value.Tensors(flat)).MoveToOuterDisposeScope();
            }

            /// <summary>Makes each parameter a view of its part of a vector.</summary>
            public static void vector_to_parameters(Tensor vec, IEnumerable<Parameter> tensors)
            {
                using DisposeScope scope = NewDisposeScope();
                using IDisposable noGrad = no_grad();
                long at = 0;
                foreach (Parameter p in tensors)
                {
                    long count = p.NumberOfElements;
                    s_setData.CallVoid(p, s_viewAs.Call(s_slice.Call(vec, 0, at, at + count), p));
                    at += count;
                }
            }
        }
    }
}

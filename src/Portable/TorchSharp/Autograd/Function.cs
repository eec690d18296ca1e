using System.Runtime.InteropServices;
using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static partial class autograd
    {
        /// <summary>An operation whose derivative is written in C#.</summary>
        public abstract class Function<T> where T : Function<T>, new()
        {
            private static readonly T s_instance = new();

            /// <summary>The name in error messages and graphs.</summary>
            public abstract string Name { get; }

            internal abstract List<Tensor> ForwardAll(AutogradContext context, object[] vars);

            internal abstract List<Tensor> BackwardAll(AutogradContext context, List<Tensor> grads);

            public static List<Tensor> apply_internal(params object[] vars) => FunctionCall.Apply(s_instance.Name, s_instance.ForwardAll, s_instance.BackwardAll, vars);
        }

        /// <summary>A function with one result.</summary>
        public abstract class SingleTensorFunction<T> : Function<T> where T : SingleTensorFunction<T>, new()
        {
            public abstract Tensor forward(AutogradContext ctx, params object[] vars);

            public abstract List<Tensor> backward(AutogradContext ctx, Tensor grad_output);

            internal override List<Tensor> ForwardAll(AutogradContext context, object[] vars) => [forward(context, vars)];

            internal override List<Tensor> BackwardAll(AutogradContext context, List<Tensor> grads) => backward(context, grads[0]);

            public static Tensor apply(params object[] vars) => apply_internal(vars)[0];
        }

        /// <summary>A function with several results.</summary>
        public abstract class MultiTensorFunction<T> : Function<T> where T : MultiTensorFunction<T>, new()
        {
            public abstract List<Tensor> forward(AutogradContext ctx, params object[] vars);

            public abstract List<Tensor> backward(AutogradContext ctx, List<Tensor> grad_outputs);

            internal override List<Tensor> ForwardAll(AutogradContext context, object[] vars) => forward(context, vars);

            internal override List<Tensor> BackwardAll(AutogradContext context, List<Tensor> grads) => backward(context, grads);

            public static List<Tensor> apply(params object[] vars) => apply_internal(vars);
        }
    }
}

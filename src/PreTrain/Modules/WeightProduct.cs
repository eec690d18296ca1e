// N rows (tokens), I inputs, O outputs
using PreTrain.Torch;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>x·Wᵀ, whose backward pass adds the weight's gradient to its buffer in the product itself where there is one (see <see cref="GradientBuffers"/>).</summary>
internal static class WeightProduct
{
    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="weight">(O, I).</param>
    /// <returns>(N, O).</returns>
    internal static Tensor Apply(Tensor x, Tensor weight) =>
        x.ndim == 2 && weight.requires_grad && is_grad_enabled() && GradientBuffers.Has(weight) ? Function.apply(x, weight) : matmul(x, weight.t());

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(WeightProduct);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, weight) = ((Tensor)vars[0], (Tensor)vars[1]);
            ctx.save_for_backward([x, weight]);
            ctx.save_data("parameters", new[] { weight });   // in an array: of a tensor, TorchSharp complains on standard output
            ctx.save_data("wanted", x.requires_grad);
            using Tensor transposed = weight.t();
            return matmul(x, transposed);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (x, weight) = (saved[0], saved[1]);
            Tensor dx = (bool)ctx.get_data("wanted") ? matmul(grad_output, weight) : null!;   // (N, I)
            using Tensor transposed = grad_output.t();
            if (GradientBuffers.Of(((Tensor[])ctx.get_data("parameters"))[0]) is not { } buffer) return [dx, matmul(transposed, x)];
            buffer.addmm_(transposed, x);   // (O, I)
            return [dx, null!];
        }
    }
}

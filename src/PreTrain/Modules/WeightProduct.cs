// N rows (tokens), I inputs, O outputs
using PreTrain.Torch;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>x·Wᵀ + b, whose backward pass adds the weight's gradient to its buffer in the product itself where there is one (see <see cref="GradientBuffers"/>).</summary>
internal static class WeightProduct
{
    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="weight">(O, I).</param>
    /// <param name="bias">(O), or null.</param>
    /// <returns>(N, O).</returns>
    internal static Tensor Apply(Tensor x, Tensor weight, Tensor? bias = null)
    {
        if (x.ndim == 2 && weight.requires_grad && is_grad_enabled() && GradientBuffers.Has(weight)) return Function.apply(x, weight, bias!);
        return FewRowsProduct.Fits(x, weight, bias) ? FewRowsProduct.Apply(x, weight, bias) : nn.functional.linear(x, weight, bias!);
    }

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(WeightProduct);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, weight, bias) = ((Tensor)vars[0], (Tensor)vars[1], vars[2] as Tensor);
            ctx.save_for_backward([x, weight]);
            ctx.save_data("parameters", new[] { weight });   // in an array: of a tensor, TorchSharp complains on standard output
            ctx.save_data("wanted", (x.requires_grad, bias is { requires_grad: true }));
            return nn.functional.linear(x, weight, bias!);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (x, weight) = (saved[0], saved[1]);
            var (ofX, ofBias) = ((bool, bool))ctx.get_data("wanted");
            Tensor dx = ofX ? matmul(grad_output, weight) : null!;      // (N, I)
            Tensor dbias = ofBias ? grad_output.sum(dim: 0) : null!;    // (O)
            using Tensor transposed = grad_output.t();
            if (GradientBuffers.Of(((Tensor[])ctx.get_data("parameters"))[0]) is not { } buffer) return [dx, matmul(transposed, x), dbias];
            buffer.addmm_(transposed, x);   // (O, I)
            return [dx, null!, dbias];
        }
    }
}

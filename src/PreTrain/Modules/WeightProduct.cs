// N rows (tokens), I inputs, O outputs
using PreTrain.Torch;
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules;

/// <summary>
/// x·Wᵀ + b, whose backward pass adds the weight's gradient to its buffer in the product itself where there is one (see <see cref="GradientBuffers"/>), on the matrix unit where the
/// processor has one.
/// </summary>
internal static class WeightProduct
{
    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="weight">(O, I).</param>
    /// <param name="bias">(O), or null.</param>
    /// <returns>(N, O).</returns>
    internal static Tensor Apply(Tensor x, Tensor weight, Tensor? bias = null)
    {
        if (x.ndim == 2 && is_grad_enabled() && (weight.requires_grad ? GradientBuffers.Has(weight) || HasOwn(x, weight) : x.requires_grad && HasOwn(x, weight)))
            return Function.apply(x, weight, bias!);
        return FewRowsProduct.Fits(x, weight, bias) ? FewRowsProduct.Apply(x, weight, bias) : Product(x, weight, bias);
    }

    private static bool HasOwn(Tensor x, Tensor weight) => TileProduct.Fits(x, weight) || WidenedProduct.Fits(x, weight);

    // The gradient is that of torch's operator where the matrix unit is not used.
    private static Tensor Product(Tensor x, Tensor weight, Tensor? bias) =>
        TileProduct.Fits(x, weight) && !(is_grad_enabled() && bias is { requires_grad: true }) ? TileProduct.Linear(x, weight, bias) : WidenedProduct.Linear(x, weight, bias);

    private sealed class Function : autograd.SingleTensorFunction<Function>
    {
        public override string Name => nameof(WeightProduct);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, weight, bias) = ((Tensor)vars[0], (Tensor)vars[1], vars[2] as Tensor);
            ctx.save_for_backward([x, weight]);
            ctx.save_data("parameters", new[] { weight });   // in an array: of a tensor, TorchSharp complains on standard output
            ctx.save_data("wanted", (x.requires_grad, weight.requires_grad, bias is { requires_grad: true }));
            return Product(x, weight, bias);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            List<Tensor> saved = ctx.get_saved_variables();
            var (x, weight) = (saved[0], saved[1]);
            var (ofX, ofWeight, ofBias) = ((bool, bool, bool))ctx.get_data("wanted");
            bool inTiles = TileProduct.Fits(x, weight);
            Tensor? copy = inTiles && !grad_output.is_contiguous() ? grad_output.contiguous() : null;
            Tensor dy = copy ?? grad_output;   // (N, O)
            Tensor dx = !ofX ? null! : inTiles ? TileProduct.Product(dy, weight) : WidenedProduct.Of(dy, weight);   // (N, I)
            Tensor dbias = ofBias ? dy.sum(dim: 0) : null!;    // (O)
            Tensor? buffer = ofWeight ? GradientBuffers.Of(((Tensor[])ctx.get_data("parameters"))[0]) : null;
            Tensor dweight = ofWeight && buffer is null ? zeros_like(weight) : null!;   // (O, I)
            if ((buffer ?? dweight) is { } sum)
            {
                using Tensor transposed = dy.t();
                if (inTiles && sum.is_contiguous()) TileProduct.AddTransposed(sum, dy, x);
                else WidenedProduct.AddTo(sum, transposed, x);
            }
            copy?.Dispose();
            return [dx, dweight, dbias];
        }
    }
}

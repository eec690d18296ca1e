// N rows (tokens), I inputs, O outputs
using PreTrain.Modules.Quantized;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Quantization;

/// <summary>Values that are rounded as a quantized map rounds them, whose gradient passes as if they were not.</summary>
internal static class StraightThrough
{
    /// <summary>The values of a weight's nearest codes. (O, I) → (O, I)</summary>
    internal static Tensor Weight(Tensor weight, QuantizedFormat format) => RoundedWeight.apply(weight, format);

    /// <summary>The values of each row's codes of 8 bits, as <see cref="QuantizationScheme.Int8Dynamic"/> has them. (N, I) → (N, I)</summary>
    internal static Tensor Rows(Tensor x) => RoundedRows.apply(x);

    private sealed class RoundedWeight : autograd.SingleTensorFunction<RoundedWeight>
    {
        public override string Name => nameof(RoundedWeight);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var weight = (Tensor)vars[0];
            using QuantizedMatrix codes = QuantizedMatrix.Quantize(weight, (QuantizedFormat)vars[1]);
            using Tensor values = codes.Dequantize();
            return values.to(weight.dtype, copy: true);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output.alias(), null!];
    }

    private sealed class RoundedRows : autograd.SingleTensorFunction<RoundedRows>
    {
        public override string Name => nameof(RoundedRows);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var x = (Tensor)vars[0];
            using Tensor wide = x.to(ScalarType.Float32).contiguous().alias();
            using var rows = new QuantizedRows(wide);
            using Tensor values = rows.Dequantize(x.size(1));
            return values.to(x.dtype, copy: true);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output) => [grad_output.alias()];
    }
}

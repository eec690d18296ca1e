// N rows, I inputs, O outputs
using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Modules.Quantized;

/// <summary>x·Wᵀ + b with the values of a weight, which are made for the product and not kept: on devices that have no kernels for codes.</summary>
internal static class ValueProduct
{
    /// <summary>Multiplies.</summary>
    /// <param name="x">(N, I).</param>
    /// <param name="weight">W.</param>
    /// <param name="bias">(O), or null.</param>
    /// <returns>(N, O), of x's type.</returns>
    internal static Tensor Apply(Tensor x, QuantizedMatrix weight, Tensor? bias)
    {
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(WidenedProduct.Linear(x, weight.Dequantize(x.device, x.dtype), bias?.to(x.dtype)));
    }

    /// <summary>The gradient of x. (N, O) → (N, I)</summary>
    internal static Tensor InputGradient(Tensor gradient, QuantizedMatrix weight)
    {
        using Tensor values = weight.Dequantize(gradient.device, gradient.dtype);
        return WidenedProduct.Of(gradient, values);
    }
}

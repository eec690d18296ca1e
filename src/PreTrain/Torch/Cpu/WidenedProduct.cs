// N rows, I inputs, O outputs
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Torch.Cpu;

/// <summary>
/// Torch's own products. On processors for which libtorch's of bfloat16 are slower than those of 32 bits, loops 5 to 40 times, instructions of half the rate about 1.5 times, and where they are emulated, the matrices become 32-bit
/// ones for the product, which is rounded once; gradients go the same way.
/// </summary>
internal static class WidenedProduct
{
    private static readonly bool s_isNeeded = !Processor.MultipliesBFloat16;

    /// <summary>Whether the product of these is made in 32 bits.</summary>
    internal static bool Fits(Tensor a, Tensor b) =>
        s_isNeeded && a.dtype == ScalarType.BFloat16 && b.dtype == ScalarType.BFloat16 && a.device_type == DeviceType.CPU && b.device_type == DeviceType.CPU;

    /// <summary>x·Wᵀ + b.</summary>
    /// <param name="x">(…, I).</param>
    /// <param name="weight">(O, I).</param>
    /// <param name="bias">(O), or null.</param>
    /// <returns>(…, O), of x's type.</returns>
    internal static Tensor Linear(Tensor x, Tensor weight, Tensor? bias)
    {
        if (!Fits(x, weight)) return nn.functional.linear(x, weight, bias!);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(nn.functional.linear(Wide(x), Wide(weight), bias is null ? null! : Wide(bias)).to(ScalarType.BFloat16));
    }

    /// <summary>A·B, of matrices or of batches of them.</summary>
    internal static Tensor Of(Tensor a, Tensor b)
    {
        if (!Fits(a, b)) return matmul(a, b);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(matmul(Wide(a), Wide(b)).to(ScalarType.BFloat16));
    }

    /// <summary>Adds A·B to a sum of A's type, in place.</summary>
    internal static void AddTo(Tensor sum, Tensor a, Tensor b)
    {
        using DisposeScope scope = NewDisposeScope();
        if (Fits(a, b)) sum.add_(matmul(Wide(a), Wide(b)));
        else sum.addmm_(a, b);
    }

    /// <summary>Scaled dot-product attention (torch's own).</summary>
    /// <param name="query">(B, H, T, D).</param>
    /// <param name="keys">(B, H, S, D).</param>
    /// <param name="values">Likewise.</param>
    /// <param name="mask">Which keys a query sees, (T, S); null for all.</param>
    /// <param name="dropout">The probability with which a weight is dropped.</param>
    /// <param name="isCausal">Whether each query sees the keys up to its own.</param>
    /// <returns>(B, H, T, D).</returns>
    internal static Tensor Attention(Tensor query, Tensor keys, Tensor values, Tensor? mask, double dropout, bool isCausal)
    {
        if (!Fits(query, keys)) return nn.functional.scaled_dot_product_attention(query, keys, values, mask!, dropout, isCausal);
        using DisposeScope scope = NewDisposeScope();
        return scope.MoveToOuter(nn.functional.scaled_dot_product_attention(Wide(query), Wide(keys), Wide(values), mask!, dropout, isCausal).to(ScalarType.BFloat16));
    }

    private static Tensor Wide(Tensor t) => t.to(ScalarType.Float32);
}

using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private static readonly Operator s_einsum = new("einsum");

    /// <summary>The sum of products that an equation such as <c>bij,bjk->bik</c> describes.</summary>
    public static Tensor einsum(string equation, params Tensor[] tensors) => s_einsum.Call(equation, Value.Tensors(tensors));
}

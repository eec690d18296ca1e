using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A tensor that a module trains. It takes over the native tensor of <c>data</c>, and its place in a dispose scope if it had one.</summary>
public class Parameter : Tensor
{
    public Parameter(Tensor data, bool requires_grad = true) : base(data.requires_grad_(requires_grad))
    {
    }
}

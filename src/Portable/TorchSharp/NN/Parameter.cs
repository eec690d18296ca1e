using TorchSharp.Interop;
using static TorchSharp.torch;

namespace TorchSharp.Modules;

/// <summary>A tensor that a module trains. It takes over the native tensor of <c>data</c>, and never belongs to a dispose scope.</summary>
public class Parameter : Tensor
{
    public Parameter(Tensor data, bool requires_grad = true) : base(data.DecoupleFromNativeHandle())
    {
        DetachFromDisposeScope();
        Errors.Check(Native.pt_set_requires_grad(handle, requires_grad ? 1 : 0));
    }
}

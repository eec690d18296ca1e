using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    private static readonly Operator s_zeros = new("zeros");

    public static Tensor zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        Tensor result = s_zeros.Call(size, dtype ?? ScalarType.Float32, Value.None, device);
        return requires_grad ? result.requires_grad_() : result;
    }
}

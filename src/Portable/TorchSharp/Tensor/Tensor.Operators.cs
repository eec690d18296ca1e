using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public partial class Tensor
    {
        private static readonly Operator s_add = new("add", "Tensor");

        public Tensor add(Tensor target) => s_add.Call(this, target);

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);
    }
}

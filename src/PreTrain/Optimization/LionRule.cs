using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>w ← w·keep − η·sign(β₁·m + (1 − β₁)·g); m ← β₂·m + (1 − β₂)·g.</summary>
internal readonly struct LionRule(double beta1, double beta2, double keep, double rate) : IUpdateRule
{
    private readonly float _new1 = (float)(1 - beta1);
    private readonly float _new2 = (float)(1 - beta2);
    private readonly float _keep = (float)(keep);
    private readonly float _rate = (float)(rate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        Vector512<float> direction = FlatKernels.Sign(Vector512.FusedMultiplyAdd(g - a, Vector512.Create(_new1), a));
        a = Vector512.FusedMultiplyAdd(g - a, Vector512.Create(_new2), a);
        return w * Vector512.Create(_keep) - Vector512.Create(_rate) * direction;
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor momentum = state[0]!;
        Tensor direction = (momentum * beta1).add_(g, alpha: 1 - beta1).sign();
        momentum.mul_(beta2).add_(g, alpha: 1 - beta2);
        w.mul_(keep).add_(direction, alpha: -rate);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>m as in Adam; u ← max(β₂·u, |g| + ε); w ← w − rate·m / u.</summary>
internal readonly struct AdamaxRule(double beta1, double beta2, double epsilon, double rate) : IUpdateRule
{
    private readonly float _new1 = (float)(1 - beta1);
    private readonly float _old2 = (float)(beta2);
    private readonly float _epsilon = (float)(epsilon);
    private readonly float _rate = (float)(rate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(g - a, Vector512.Create(_new1), a);
        b = Vector512.Max(b * Vector512.Create(_old2), Vector512.Abs(g) + Vector512.Create(_epsilon));
        return w - Vector512.Create(_rate) * (a / b);
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor first = state[0]!, largest = state[1]!;
        first.mul_(beta1).add_(g, alpha: 1 - beta1);
        largest.copy_(maximum(largest * beta2, g.abs().add_(epsilon)));
        w.addcdiv_(first, largest, value: -rate);
    }
}

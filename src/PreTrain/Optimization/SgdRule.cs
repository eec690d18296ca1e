using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>b ← μ·b + g; w ← w − η·b, or η·(g + μ·b) by Nesterov; without momentum w ← w − η·g.</summary>
internal readonly struct SgdRule(double momentum, bool nesterov, double rate) : IUpdateRule
{
    private readonly float _momentum = (float)(momentum);
    private readonly float _rate = (float)(rate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        if (momentum == 0) return Vector512.FusedMultiplyAdd(g, -Vector512.Create(_rate), w);
        a = Vector512.FusedMultiplyAdd(a, Vector512.Create(_momentum), g);
        Vector512<float> update = nesterov ? Vector512.FusedMultiplyAdd(a, Vector512.Create(_momentum), g) : a;
        return Vector512.FusedMultiplyAdd(update, -Vector512.Create(_rate), w);
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        if (momentum == 0)
        {
            w.add_(g, alpha: -rate);
            return;
        }
        Tensor velocity = state[0]!;
        velocity.mul_(momentum).add_(g);
        w.add_(nesterov ? g.add(velocity, alpha: momentum) : velocity, alpha: -rate);
    }
}

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Adam's moments, and in c the update m̂ / (√v̂ + ε) + λ·w before it is scaled by layer; the weights stay.</summary>
internal readonly struct LambRule(double beta1, double beta2, double epsilon, double weightDecay, double first, double root) : IUpdateRule
{
    private readonly float _new1 = (float)(1 - beta1);
    private readonly float _old2 = (float)(beta2);
    private readonly float _new2 = (float)(1 - beta2);
    private readonly float _epsilon = (float)(epsilon);
    private readonly float _decay = (float)(weightDecay);
    private readonly float _first = (float)(first);
    private readonly float _root = (float)(root);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(g - a, Vector512.Create(_new1), a);
        b = Vector512.FusedMultiplyAdd(g * Vector512.Create(_new2), g, b * Vector512.Create(_old2));
        c = Update(w, a, b);
        return w;
    }

    /// <summary>The update that follows from moments which hold the step's gradient already.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Vector512<float> Update(Vector512<float> w, Vector512<float> a, Vector512<float> b)
    {
        Vector512<float> update = a * Vector512.Create(_first) / Vector512.FusedMultiplyAdd(Vector512.Sqrt(b), Vector512.Create(_root), Vector512.Create(_epsilon));
        return Vector512.FusedMultiplyAdd(w, Vector512.Create(_decay), update);
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor moment = state[0]!, second = state[1]!, update = state[2]!;
        moment.mul_(beta1).add_(g, alpha: 1 - beta1);
        second.mul_(beta2).addcmul_(g, g, value: 1 - beta2);
        update.copy_(w).mul_(weightDecay).addcdiv_(moment, second.sqrt().mul_(root).add_(epsilon), value: first);
    }
}

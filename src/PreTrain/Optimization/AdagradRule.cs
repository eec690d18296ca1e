using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>s ← s + g²; w ← w − rate·g / (√s + ε).</summary>
internal readonly struct AdagradRule(double epsilon, double rate) : IUpdateRule
{
    private readonly float _epsilon = (float)(epsilon);
    private readonly float _rate = (float)(rate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(g, g, a);
        return w - Vector512.Create(_rate) * (g / (Vector512.Sqrt(a) + Vector512.Create(_epsilon)));
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor sum = state[0]!;
        sum.addcmul_(g, g, value: 1);
        w.addcdiv_(g, sum.sqrt().add_(epsilon), value: -rate);
    }
}

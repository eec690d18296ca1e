using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>v ← α·v + (1 − α)·g²; u ← g / (√(v − m²) + ε) with the mean gradient m where it is centred; w ← w − η·u, or −η·b with b ← μ·b + u.</summary>
internal readonly struct RmsPropRule(double smoothing, double epsilon, double momentum, bool centered, double rate) : IUpdateRule
{
    private readonly float _old = (float)(smoothing);
    private readonly float _fresh = (float)(1 - smoothing);
    private readonly float _epsilon = (float)(epsilon);
    private readonly float _momentum = (float)(momentum);
    private readonly float _rate = (float)(rate);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(g * Vector512.Create(_fresh), g, a * Vector512.Create(_old));
        Vector512<float> variance = a;
        if (centered)
        {
            b = Vector512.FusedMultiplyAdd(g - b, Vector512.Create(_fresh), b);
            // Rounding must not make a variance of nearly zero negative.
            variance = Vector512.Max(Vector512.FusedMultiplyAdd(-b, b, a), Vector512<float>.Zero);
        }
        Vector512<float> update = g / (Vector512.Sqrt(variance) + Vector512.Create(_epsilon));
        if (momentum != 0) update = c = Vector512.FusedMultiplyAdd(c, Vector512.Create(_momentum), update);
        return Vector512.FusedMultiplyAdd(update, -Vector512.Create(_rate), w);
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor square = state[0]!, variance = square;
        square.mul_(smoothing).addcmul_(g, g, value: 1 - smoothing);
        if (centered)
        {
            Tensor mean = state[1]!;
            mean.mul_(smoothing).add_(g, alpha: 1 - smoothing);
            variance = square.addcmul(mean, mean, value: -1).clamp_(min: 0);
        }
        Tensor denominator = variance.sqrt().add_(epsilon);
        if (momentum == 0)
        {
            w.addcdiv_(g, denominator, value: -rate);
            return;
        }
        Tensor velocity = state[2]!;
        velocity.mul_(momentum).addcdiv_(g, denominator, value: 1);
        w.add_(velocity, alpha: -rate);
    }
}

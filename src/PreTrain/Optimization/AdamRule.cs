using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>w ← w·keep − rate·m / (√v·root + ε), with the moments m and v of the gradient.</summary>
internal readonly struct AdamRule(double beta1, double beta2, double epsilon, double keep, double rate, double root) : IUpdateRule
{
    internal static readonly string?[] Kinds = ["first_moment", "second_moment"];

    /// <summary>The numbers of a step with bias correction (Kingma and Ba 2015, algorithm 1, in the order of section 2) and decoupled decay.</summary>
    internal static AdamRule Of(UpdateContext at, double beta1, double beta2, double epsilon, double weightDecay)
    {
        double correction1 = 1 - Math.Pow(beta1, at.Step), correction2 = 1 - Math.Pow(beta2, at.Step);
        return new AdamRule(beta1, beta2, epsilon, at.Decays ? 1 - at.LearningRate * weightDecay : 1, at.LearningRate / correction1, 1 / Math.Sqrt(correction2));
    }

    private readonly float _new1 = (float)(1 - beta1);
    private readonly float _old2 = (float)(beta2);
    private readonly float _new2 = (float)(1 - beta2);
    private readonly float _epsilon = (float)(epsilon);
    private readonly float _keep = (float)(keep);
    private readonly float _rate = (float)(rate);
    private readonly float _root = (float)(root);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector512<float> Apply(Vector512<float> w, Vector512<float> g, ref Vector512<float> a, ref Vector512<float> b, ref Vector512<float> c)
    {
        a = Vector512.FusedMultiplyAdd(g - a, Vector512.Create(_new1), a);
        b = Vector512.FusedMultiplyAdd(g * Vector512.Create(_new2), g, b * Vector512.Create(_old2));
        Vector512<float> update = a / Vector512.FusedMultiplyAdd(Vector512.Sqrt(b), Vector512.Create(_root), Vector512.Create(_epsilon));
        return w * Vector512.Create(_keep) - Vector512.Create(_rate) * update;
    }

    public void Apply(Tensor w, Tensor g, Tensor?[] state)
    {
        Tensor first = state[0]!, second = state[1]!;
        first.mul_(beta1).add_(g, alpha: 1 - beta1);
        second.mul_(beta2).addcmul_(g, g, value: 1 - beta2);
        Tensor denominator = second.sqrt().mul_(root).add_(epsilon);
        w.mul_(keep).addcdiv_(first, denominator, value: -rate);
    }
}

using PreTrain.Torch.Cpu;
using TorchSharp;
using static TorchSharp.torch;

namespace PreTrain.Optimization;

/// <summary>Some groups of parameters with their state, which one rule updates in one pass over memory.</summary>
/// <typeparam name="R">The rule.</typeparam>
internal sealed class ElementwisePart<R> : IDisposable where R : struct, IUpdateRule
{
    private readonly FlatParameters _parameters;
    private readonly UpdateOptions _update;
    private readonly ParameterGroup[] _groups;
    private readonly string?[] _kinds;
    private readonly Tensor?[][] _state;   // by group, then by kind
    private readonly Func<UpdateContext, R> _rule;
    private readonly double _decay;
    private readonly bool _kernels;

    /// <param name="parameters">What is updated.</param>
    /// <param name="update">Limits and penalties.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="kinds">The names of the kinds of state; null for one that the rule does not need.</param>
    /// <param name="rule">The numbers of a step.</param>
    /// <param name="decay">Weight decay that goes through the gradient.</param>
    /// <param name="kernels">Whether the one-pass loops may serve.</param>
    /// <param name="initial">What the state starts with.</param>
    internal ElementwisePart(FlatParameters parameters, UpdateOptions update, ParameterGroup[] groups, string?[] kinds, Func<UpdateContext, R> rule, double decay = 0, bool kernels = true, double initial = 0)
    {
        (_parameters, _update, _groups, _kinds, _rule, _decay) = (parameters, update, groups, kinds, rule, decay);
        _kernels = kernels && TensorMemory.HasKernelsFor(parameters.Master);
        using DisposeScope scope = NewDisposeScope();
        _state = [.. groups.Select(group => kinds.Select(kind => kind is null ? null
            : full([group.End - group.Start], initial, dtype: ScalarType.Float32, device: parameters.Master.device).DetachFromDisposeScope()).ToArray())];
    }

    internal void Step(long step, double learningRate, double gradientScale)
    {
        using IDisposable mode = no_grad();
        for (int i = 0; i < _groups.Length; i++)
        {
            ParameterGroup group = _groups[i];
            R rule = _rule(new UpdateContext(step, learningRate * group.RateScale, group.Decays));
            GradientShape shape = GradientShape.Of(_update, gradientScale, group.Decays, _decay);
            if (_kernels) FlatKernels.Update(_parameters.StepGradient, _parameters.Master, _parameters.Compute, _state[i], group.Start, group.End, shape, rule);
            else Apply(group, _state[i], shape, rule);
        }
    }

    internal IEnumerable<(string Name, Tensor View)> State()
    {
        for (int kind = 0; kind < _kinds.Length; kind++)
        {
            if (_kinds[kind] is not { } name) continue;
            for (int i = 0; i < _groups.Length; i++)
                foreach (ParameterRange range in _groups[i].Ranges)
                    yield return ($"{name}.{range.Name}", View(_state[i][kind]!, range, _groups[i].Start));
        }
    }

    /// <summary>The state of one kind of a range, with its gap; belongs to the current dispose scope.</summary>
    internal Tensor Of(int kind, int group, ParameterRange range) => _state[group][kind]!.narrow(0, range.Start - _groups[group].Start, range.End - range.Start);

    public void Dispose()
    {
        foreach (Tensor? t in _state.SelectMany(s => s)) t?.Dispose();
    }

    private static Tensor View(Tensor state, ParameterRange range, long start)
    {
        using Tensor part = state.narrow(0, range.Start - start, range.Count);
        return part.view(range.Shape);
    }

    private void Apply(ParameterGroup group, Tensor?[] state, GradientShape shape, R rule)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor gradient = Part(_parameters.StepGradient), master = Part(_parameters.Master);
        rule.Apply(master, Shaped(gradient, master, shape), state);
        if (!ReferenceEquals(_parameters.Compute, _parameters.Master)) Part(_parameters.Compute).copy_(master);
        gradient.zero_();

        Tensor Part(Tensor flat) => flat.narrow(0, group.Start, group.End - group.Start);
    }

    /// <summary>A new tensor: the gradient in 32 bits, scaled, limited and with penalties.</summary>
    internal static Tensor Shaped(Tensor gradient, Tensor master, GradientShape shape)
    {
        Tensor g = gradient.to(ScalarType.Float32) * shape.Scale;
        if (!double.IsPositiveInfinity(shape.Limit)) g.clamp_(-shape.Limit, shape.Limit);
        if (shape.L2 != 0) g.add_(master, alpha: shape.L2);
        if (shape.L1 != 0) g.add_(master.sign(), alpha: shape.L1);
        return g;
    }
}

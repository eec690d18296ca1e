using System.Text.Json.Nodes;
using TorchSharp;
using TorchSharp.Modules;

namespace PreTrain.Optimization;

/// <summary>What an update does besides its optimizer's rule: limits and penalties of the gradient, and which parameters are treated how.</summary>
public sealed record UpdateOptions
{
    /// <summary>Each element of the gradient is brought to at most this magnitude, after the clipping by norm; 0 means no limit.</summary>
    /// <value>The default is 0.</value>
    public double ClipValue { get; init; }

    /// <summary>The weight of the sum of magnitudes of all parameters with weight decay that is added to the loss (Tibshirani 1996).</summary>
    /// <value>The default is 0.</value>
    public double L1Penalty { get; init; }

    /// <summary>The weight of half the sum of squares of all parameters with weight decay that is added to the loss. Unlike AdamW's decay it goes through the gradient.</summary>
    /// <value>The default is 0.</value>
    public double L2Penalty { get; init; }

    /// <summary>
    /// What the learning rate of each block is that of the block above times (Howard and Ruder 2018, section 3.2; Clark et al. 2020, appendix B): the head and
    /// the last norm have the full rate, embeddings the smallest. 1 means the same rate for all.
    /// </summary>
    /// <value>The default is 1.</value>
    public double LayerDecay { get; init; } = 1;

    /// <summary>Exceptions by name. The first rule that fits a parameter holds.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<ParameterRule> Rules { get; init; } = [];

    /// <summary>How the description of a rule ends whose parameters are frozen.</summary>
    internal const string FrozenMark = "frozen True";

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        List<string> faults = [.. Faults()];
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }

    internal IEnumerable<string> Faults()
    {
        if (!(ClipValue >= 0 && double.IsFinite(ClipValue))) yield return $"{nameof(ClipValue)} ({ClipValue}) must be positive, or 0 for no limit.";
        if (!(L1Penalty >= 0 && double.IsFinite(L1Penalty))) yield return $"{nameof(L1Penalty)} ({L1Penalty}) must not be negative.";
        if (!(L2Penalty >= 0 && double.IsFinite(L2Penalty))) yield return $"{nameof(L2Penalty)} ({L2Penalty}) must not be negative.";
        if (!(LayerDecay > 0 && LayerDecay <= 1)) yield return $"{nameof(LayerDecay)} ({LayerDecay}) must be above 0 and at most 1.";
        foreach (ParameterRule rule in Rules)
        {
            if (string.IsNullOrEmpty(rule.Pattern)) yield return $"{nameof(ParameterRule.Pattern)} ('{rule.Pattern}') must not be empty; '*' fits all names.";
            if (!(rule.LearningRateScale >= 0 && double.IsFinite(rule.LearningRateScale)))
                yield return $"{nameof(ParameterRule.LearningRateScale)} ({rule.LearningRateScale}) of '{rule.Pattern}' must not be negative.";
        }
    }

    /// <summary>Turns the gradients of the frozen parameters off.</summary>
    /// <param name="model">The model whose parameters the rules name.</param>
    /// <returns>Turns them on again when it is disposed.</returns>
    /// <exception cref="ArgumentException">A rule fits no parameter.</exception>
    public IDisposable Freeze(torch.nn.Module model)
    {
        ArgumentNullException.ThrowIfNull(model);
        (string Name, Parameter Parameter)[] all = [.. model.named_parameters(recurse: true).Select(p => (p.name, p.parameter))];
        if (Rules.FirstOrDefault(rule => !all.Any(p => rule.Fits(p.Name))) is { } useless)
            throw new ArgumentException($"The rule '{useless.Pattern}' fits no parameter; '{all[0].Name}' is one of the model's names.");
        Parameter[] frozen = [.. all.Where(p => RuleOf(p.Name) is { Frozen: true } && p.Parameter.requires_grad).Select(p => p.Parameter)];
        foreach (Parameter p in frozen) p.requires_grad = false;
        return new Thaw(frozen);
    }

    /// <summary>The options that differ from those of a plain update; empty if none does.</summary>
    internal JsonObject Describe()
    {
        var json = new JsonObject();
        if (ClipValue != 0) json["clipValue"] = ClipValue;
        if (L1Penalty != 0) json["l1Penalty"] = L1Penalty;
        if (L2Penalty != 0) json["l2Penalty"] = L2Penalty;
        if (LayerDecay != 1) json["layerDecay"] = LayerDecay;
        foreach (ParameterRule rule in Rules) json[$"rule '{rule.Pattern}'"] = $"rate {rule.LearningRateScale}, decay {rule.WeightDecay?.ToString() ?? "default"}, frozen {rule.Frozen}";
        return json;
    }

    /// <summary>The names of the parameters that <see cref="Freeze"/> turns off.</summary>
    internal string[] FrozenOf(torch.nn.Module model) => Rules.Any(rule => rule.Frozen) ? [.. model.named_parameters(recurse: true).Where(p => RuleOf(p.name) is { Frozen: true } && p.parameter.requires_grad).Select(p => p.name)] : [];

    internal ParameterRule? RuleOf(string name) => Rules.FirstOrDefault(rule => rule.Fits(name));

    /// <summary>The share of the learning rate that a parameter has by its depth.</summary>
    internal double LayerScale(ParameterRange range, int blocks)
    {
        int depth = range.Block is { } block ? block + 1 : range.IsEmbedding ? 0 : blocks + 1;
        return LayerDecay == 1 ? 1 : Math.Pow(LayerDecay, blocks + 1 - depth);
    }

    private sealed class Thaw(Parameter[] frozen) : IDisposable
    {
        public void Dispose()
        {
            foreach (Parameter p in frozen.Where(p => !p.IsInvalid)) p.requires_grad = true;
        }
    }
}

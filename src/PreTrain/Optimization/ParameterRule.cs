using System.Text.RegularExpressions;

namespace PreTrain.Optimization;

/// <summary>How parameters whose names fit a pattern are treated.</summary>
public sealed record ParameterRule
{
    /// <summary>The pattern of the names in the model's <c>state_dict</c>; <c>*</c> stands for any characters, such as in <c>blocks.*.norm*.bias</c>.</summary>
    public required string Pattern { get; init; }

    /// <summary>What the learning rate is multiplied with.</summary>
    /// <value>The default is 1.</value>
    public double LearningRateScale { get; init; } = 1;

    /// <summary>Whether they have weight decay and penalties; null means matrices have and vectors (biases, gains) have not.</summary>
    /// <value>The default is null.</value>
    public bool? WeightDecay { get; init; }

    /// <summary>Whether they stay as they are. No gradient is computed for them, and no memory of the optimizer is spent.</summary>
    /// <value>The default is false.</value>
    public bool Frozen { get; init; }

    /// <summary>Whether a name fits.</summary>
    /// <param name="name">The parameter's name.</param>
    public bool Fits(string name) => Regex.IsMatch(name, $"^{Regex.Escape(Pattern).Replace(@"\*", ".*", StringComparison.Ordinal)}$", RegexOptions.CultureInvariant);
}

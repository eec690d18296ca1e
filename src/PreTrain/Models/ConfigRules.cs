using PreTrain.Data;

namespace PreTrain.Models;

/// <summary>Gathers what is wrong with a configuration, so that all is said at once.</summary>
internal sealed class ConfigRules
{
    private readonly List<string> _faults = [];

    internal void Positive(params (string Name, int Value)[] properties)
    {
        foreach (var (name, value) in properties) Require(value > 0, $"{name} ({value}) must be positive.");
    }

    internal void Positive(params (string Name, double Value)[] properties)
    {
        foreach (var (name, value) in properties) Require(value > 0, $"{name} ({value}) must be positive.");
    }

    internal void Probability(params (string Name, double Value)[] properties)
    {
        foreach (var (name, value) in properties) Require(value >= 0 && value < 1, $"{name} ({value}) must be at least 0 and below 1.");
    }

    internal void Divisible(string name, int value, string divisorName, int divisor) =>
        Require(value <= 0 || divisor <= 0 || value % divisor == 0, $"{name} ({value}) must be divisible by {divisorName} ({divisor}).");

    internal void Labels(int count, LabelSet? names) =>
        Require(names is null || names.Count == count, $"LabelCount ({count}) must be the number of Labels ({names?.Count}).");

    internal void Require(bool holds, string fault)
    {
        if (!holds) _faults.Add(fault);
    }

    /// <exception cref="ArgumentException">A rule was broken.</exception>
    internal void Finish()
    {
        if (_faults.Count > 0) throw new ArgumentException(string.Join(" ", _faults));
    }
}

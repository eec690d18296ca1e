using System.Text.Json.Nodes;

namespace PreTrain.Optimization;

/// <summary>The constants of one kind of optimizer, which it is made from.</summary>
public interface IOptimizerOptions
{
    /// <summary>The optimizer's name, as <c>pretrain gpt --optimizer</c> takes it.</summary>
    string Name { get; }

    /// <summary>Creates the optimizer with an empty state.</summary>
    /// <param name="parameters">What it updates; they stay the caller's to dispose.</param>
    /// <param name="update">Limits, penalties and parameter rules; null for none.</param>
    /// <exception cref="ArgumentException">Options are out of range.</exception>
    IOptimizer Create(FlatParameters parameters, UpdateOptions? update = null);

    /// <summary>Every property that is out of range, its value and the rule; empty if all are right.</summary>
    IEnumerable<string> Faults();

    /// <summary>Name and value of every constant, as a checkpoint notes them.</summary>
    JsonObject Describe();
}

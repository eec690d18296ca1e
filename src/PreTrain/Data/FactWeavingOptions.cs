namespace PreTrain.Data;

/// <summary>How <see cref="FactWeaving"/> works.</summary>
public sealed record FactWeavingOptions
{
    /// <summary>The share of the sentences with a known subject that get a fact behind them.</summary>
    /// <value>The default is 0.5.</value>
    public double Rate { get; init; } = 0.5;

    /// <summary>The most facts that one document gets.</summary>
    /// <value>The default is 3.</value>
    public int MaxPerDocument { get; init; } = 3;

    /// <summary>What decides which sentences and which facts.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Rate is > 0 and <= 1))
            faults.Add($"Rate ({Rate}) must be more than 0 and at most 1.");
        if (MaxPerDocument < 1)
            faults.Add($"MaxPerDocument ({MaxPerDocument}) must be at least 1.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

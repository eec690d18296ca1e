namespace PreTrain.Data;

/// <summary>How a <see cref="MixtureSampler"/> draws.</summary>
public sealed record MixtureOptions
{
    /// <summary>What all draws follow from.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>
    /// A curriculum by length: in each source's first epoch, its contexts come in this many stages, from those with short documents to those with the longest
    /// ones, shuffled within a stage. 1 means none.
    /// </summary>
    /// <value>The default is 1.</value>
    public int CurriculumStages { get; init; } = 1;

    /// <summary>The number of this process among those that draw together, from 0.</summary>
    /// <value>The default is 0.</value>
    public int Rank { get; init; }

    /// <summary>How many processes draw together, each its share of the contexts. What they learn from them is not exchanged.</summary>
    /// <value>The default is 1.</value>
    public int RankCount { get; init; } = 1;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (CurriculumStages < 1)
            faults.Add($"CurriculumStages ({CurriculumStages}) must be at least 1, which is no curriculum.");
        if (RankCount < 1)
            faults.Add($"RankCount ({RankCount}) must be at least 1.");
        else if (Rank < 0 || Rank >= RankCount)
            faults.Add($"Rank ({Rank}) must be at least 0 and less than RankCount ({RankCount}).");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

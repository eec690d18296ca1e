namespace PreTrain.Data;

/// <summary>When <see cref="NearDeduplication"/> takes two documents for the same.</summary>
public sealed record NearDeduplicationOptions
{
    /// <summary>The Jaccard similarity of two documents' sets of shingles from which the later one is dropped.</summary>
    /// <value>The default is 0.8, as in Lee et al. (2022).</value>
    public double Threshold { get; init; } = 0.8;

    /// <summary>Consecutive words of a shingle. A shorter document is one shingle.</summary>
    /// <value>The default is 5, as in Lee et al. (2022).</value>
    public int ShingleWords { get; init; } = 5;

    /// <summary>Hash functions of a signature. More find more of the pairs that are right at the threshold.</summary>
    /// <value>The default is 128.</value>
    public int Hashes { get; init; } = 128;

    /// <summary>What the hash functions follow from.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Some are out of range; the message lists all of them.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Threshold is > 0 and <= 1))
            faults.Add($"Threshold ({Threshold}) must be greater than 0 and at most 1.");
        if (ShingleWords < 1)
            faults.Add($"ShingleWords ({ShingleWords}) must be at least 1.");
        if (Hashes is < 8 or > 4096)
            faults.Add($"Hashes ({Hashes}) must be from 8 to 4096.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

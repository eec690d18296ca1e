namespace PreTrain.Tokenization;

/// <summary>
/// How texts are cut into tokens at random, so that a model sees the same words in different parts: BPE dropout (Provilkov et al. 2020) and
/// subword regularization (Kudo 2018).
/// </summary>
public sealed record SubwordSamplingOptions
{
    /// <summary>BPE: the chance that a merge is skipped when its turn comes. At 1 nothing is merged.</summary>
    /// <value>The default is 0.1. From 0 to 1.</value>
    public double Dropout { get; init; } = 0.1;

    /// <summary>Unigram: the exponent on the probability of a way to cut. At 0 all ways are equally likely, at large values the best one wins.</summary>
    /// <value>The default is 0.1. Not negative.</value>
    public double Alpha { get; init; } = 0.1;

    /// <summary>Unigram: how many of the best ways to choose among.</summary>
    /// <value>The default is 0: among all of them. At most 512.</value>
    public int CandidateCount { get; init; }

    /// <summary>Where the random numbers start.</summary>
    /// <value>The default is 0.</value>
    public ulong Seed { get; init; }

    /// <summary>Checks all options together.</summary>
    /// <exception cref="ArgumentException">At least one of them is not valid; the message names each.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Dropout >= 0 && Dropout <= 1))
            faults.Add($"Dropout ({Dropout}) must be from 0 to 1.");
        if (!(Alpha >= 0 && Alpha < double.PositiveInfinity))
            faults.Add($"Alpha ({Alpha}) must be a number that is not negative.");
        if (CandidateCount is < 0 or > 512)
            faults.Add($"CandidateCount ({CandidateCount}) must be from 0, for all ways, to 512.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

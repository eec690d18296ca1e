namespace PreTrain.Data.Masking;

/// <summary>What <see cref="Denoising"/> does to a text. The defaults are those of the published models (Lewis et al. 2020, section 5.1): infilling and permutation.</summary>
public sealed record DenoisingOptions
{
    /// <summary>The share of the tokens that spans take which one mask each stands for.</summary>
    /// <value>The default is 0.3.</value>
    public double InfillingRate { get; init; } = 0.3;

    /// <summary>The mean of the spans' lengths, which follow Poisson's distribution. A span of no token is a mask where nothing was.</summary>
    /// <value>The default is 3.</value>
    public double MeanSpanLength { get; init; } = 3;

    /// <summary>The share of the tokens that a mask stands for, one for each.</summary>
    /// <value>The default is 0.</value>
    public double MaskingRate { get; init; }

    /// <summary>The share of the tokens that are taken away without a trace.</summary>
    /// <value>The default is 0.</value>
    public double DeletionRate { get; init; }

    /// <summary>Whether sentences come in a random order.</summary>
    /// <value>The default is true.</value>
    public bool PermutesSentences { get; init; } = true;

    /// <summary>The share of the texts that begin at a random token, with what was before it at the end.</summary>
    /// <value>The default is 0.</value>
    public double RotationShare { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Names every one that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        foreach (var (name, rate) in new[] { (nameof(InfillingRate), InfillingRate), (nameof(MaskingRate), MaskingRate), (nameof(DeletionRate), DeletionRate) })
            if (!(rate >= 0 && rate < 1)) faults.Add($"{name} ({rate}) must be at least 0 and less than 1.");
        if (!(MeanSpanLength > 0 && MeanSpanLength <= 100)) faults.Add($"{nameof(MeanSpanLength)} ({MeanSpanLength}) must be more than 0 and at most 100.");
        if (!(RotationShare >= 0 && RotationShare <= 1)) faults.Add($"{nameof(RotationShare)} ({RotationShare}) must be from 0 to 1.");
        if (faults.Count == 0 && InfillingRate == 0 && MaskingRate == 0 && DeletionRate == 0 && !PermutesSentences && RotationShare == 0) faults.Add("Nothing is done to the texts; set one of the rates.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

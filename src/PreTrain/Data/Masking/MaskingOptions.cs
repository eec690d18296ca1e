namespace PreTrain.Data.Masking;

/// <summary>What a masked language model has to predict. The defaults are those of BERT (Devlin et al. 2019, section 3.1).</summary>
public sealed record MaskingOptions
{
    /// <summary>The share of the tokens that are to be predicted; at least one of each row.</summary>
    /// <value>The default is 0.15.</value>
    public double Rate { get; init; } = 0.15;

    /// <summary>The share of these that the mask token stands for.</summary>
    /// <value>The default is 0.8.</value>
    public double MaskShare { get; init; } = 0.8;

    /// <summary>The share of these that a random token stands for.</summary>
    /// <value>The default is 0.1.</value>
    public double RandomShare { get; init; } = 0.1;

    /// <summary>The share of these that stay.</summary>
    /// <value>The default is 0.1.</value>
    public double KeepShare { get; init; } = 0.1;

    /// <summary>What is masked together.</summary>
    /// <value>The default is <see cref="MaskingUnit.Token"/>.</value>
    public MaskingUnit Unit { get; init; } = MaskingUnit.Token;

    /// <summary>The most words of a <see cref="MaskingUnit.NGram"/>.</summary>
    /// <value>The default is 3.</value>
    public int MaxNGram { get; init; } = 3;

    /// <summary>The probability with which a <see cref="MaskingUnit.Span"/> ends after each word.</summary>
    /// <value>The default is 0.2.</value>
    public double SpanProbability { get; init; } = 0.2;

    /// <summary>The most words of a <see cref="MaskingUnit.Span"/>.</summary>
    /// <value>The default is 10, with which spans have 3.8 words on average.</value>
    public int MaxSpanLength { get; init; } = 10;

    /// <summary>UTF-8 text with a phrase or an entity on each line, for <see cref="MaskingUnit.Entity"/>; empty lines and those that begin with # do not count.</summary>
    /// <value>The default is null.</value>
    public string? LexiconFile { get; init; }

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Names every one that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!(Rate > 0 && Rate < 1)) faults.Add($"{nameof(Rate)} ({Rate}) must be more than 0 and less than 1; 0.15 is usual.");
        bool areShares = true;
        foreach (var (name, share) in new[] { (nameof(MaskShare), MaskShare), (nameof(RandomShare), RandomShare), (nameof(KeepShare), KeepShare) })
        {
            if (share >= 0 && share <= 1) continue;
            faults.Add($"{name} ({share}) must be from 0 to 1.");
            areShares = false;
        }
        double sum = MaskShare + RandomShare + KeepShare;
        if (areShares && !(Math.Abs(sum - 1) <= 1e-9))
            faults.Add($"{nameof(MaskShare)} ({MaskShare}), {nameof(RandomShare)} ({RandomShare}) and {nameof(KeepShare)} ({KeepShare}) must sum to 1, not to {sum}.");
        if (!Enum.IsDefined(Unit)) faults.Add($"{nameof(Unit)} ({Unit}) must be {string.Join(", ", Enum.GetNames<MaskingUnit>())}.");
        if (MaxNGram < 1) faults.Add($"{nameof(MaxNGram)} ({MaxNGram}) must be at least 1.");
        if (!(SpanProbability > 0 && SpanProbability < 1)) faults.Add($"{nameof(SpanProbability)} ({SpanProbability}) must be more than 0 and less than 1.");
        if (MaxSpanLength < 1) faults.Add($"{nameof(MaxSpanLength)} ({MaxSpanLength}) must be at least 1.");
        if (Unit == MaskingUnit.Entity && string.IsNullOrWhiteSpace(LexiconFile)) faults.Add($"{nameof(Unit)} ({Unit}) needs {nameof(LexiconFile)}, a text file with a phrase on each line.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

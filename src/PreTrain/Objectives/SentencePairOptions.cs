using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>How pairs of segments are made and masked.</summary>
public sealed record SentencePairOptions
{
    /// <summary>What is predicted of the two segments.</summary>
    /// <value>The default is <see cref="SentencePairTask.NextSentence"/>.</value>
    public SentencePairTask Task { get; init; } = SentencePairTask.NextSentence;

    /// <summary>What is masked.</summary>
    /// <value>The default is BERT's: 15 % of the tokens.</value>
    public MaskingOptions Masking { get; init; } = new();

    /// <summary>The longest row, with the tokens around the segments; null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of rows that are cut to a random length, so that short texts are known too (Devlin et al. 2019, appendix A.2).</summary>
    /// <value>The default is 0.1.</value>
    public double ShortShare { get; init; } = 0.1;

    /// <summary>The share of tokens at the store's end that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">Names every one that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Task)) faults.Add($"{nameof(Task)} ({Task}) must be {nameof(SentencePairTask.NextSentence)} or {nameof(SentencePairTask.SentenceOrder)}.");
        if (!(ShortShare >= 0 && ShortShare <= 1)) faults.Add($"{nameof(ShortShare)} ({ShortShare}) must be from 0 to 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

using PreTrain.Data.Masking;

namespace PreTrain.Objectives;

/// <summary>How replaced-token detection works.</summary>
public sealed record ReplacedTokenOptions
{
    /// <summary>What is masked for the generator.</summary>
    /// <value>The default is 15 % of the tokens, all of them by the mask token (Clark et al. 2020, section 2).</value>
    public MaskingOptions Masking { get; init; } = new() { MaskShare = 1, RandomShare = 0, KeepShare = 0 };

    /// <summary>The weight λ of the discriminator's loss.</summary>
    /// <value>The default is 50 (Clark et al. 2020, section 2 and appendix A).</value>
    public double DiscriminatorWeight { get; init; } = 50;

    /// <summary>The longest row, with the tokens around a text; null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of tokens at the store's end that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Checks all values but those of <see cref="Masking"/>.</summary>
    /// <exception cref="ArgumentException">One is out of range.</exception>
    public void Validate()
    {
        if (!(DiscriminatorWeight > 0 && double.IsFinite(DiscriminatorWeight))) throw new ArgumentException($"{nameof(DiscriminatorWeight)} ({DiscriminatorWeight}) must be positive.");
    }
}

using PreTrain.Data;

namespace PreTrain.Objectives;

/// <summary>How a classification of texts is learned.</summary>
public sealed record SequenceClassificationOptions
{
    /// <summary>The longest row, special tokens included; longer texts are cut, of a pair the longer one first. Null for the model's context.</summary>
    /// <value>The default is null.</value>
    public int? ContextLength { get; init; }

    /// <summary>The share of texts that is held out, from 0 (none) to below 1.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>What the loss of each class counts, in the order of the labels; null for 1. The loss is divided by the number of targets and not by their weights: a mean weight of 1 keeps its size.</summary>
    /// <value>The default is null.</value>
    public IReadOnlyList<double>? ClassWeights { get; init; }

    /// <summary>The share ε of a target that is spread evenly over all classes (Szegedy et al. 2016, section 7); with several labels, over yes and no. From 0 to below 1.</summary>
    /// <value>The default is 0.</value>
    public double LabelSmoothing { get; init; }

    /// <summary>The focusing parameter γ of the focal loss (Lin et al. 2017, equation 4): −log p counts (1 − p)^γ times, so that what is easy counts less. 0, or at least 1, where its gradient is finite.</summary>
    /// <value>The default is 0, the cross entropy.</value>
    public double FocalGamma { get; init; }

    /// <summary>How often the texts of each class are drawn to learn from; what is held out stays as it is.</summary>
    /// <value>The default is <see cref="ClassSampling.AsIs"/>.</value>
    public ClassSampling Sampling { get; init; }

    /// <summary>Small changes of the texts that are learned from, anew in each epoch and always the same for a seed; null for none.</summary>
    /// <value>The default is null.</value>
    public TextAugmentationOptions? Augmentation { get; init; }

    /// <summary>The probability with which a text is changed where there is <see cref="Augmentation"/>; the others are as they are.</summary>
    /// <value>The default is 0.8.</value>
    public double AugmentedShare { get; init; } = 0.8;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (ContextLength < 1) faults.Add($"{nameof(ContextLength)} ({ContextLength}) must be at least 1.");
        if (!(ValidationFraction >= 0 && ValidationFraction < 1)) faults.Add($"{nameof(ValidationFraction)} ({ValidationFraction}) must be at least 0 and below 1.");
        if (ClassWeights is { } weights && !weights.All(weight => weight > 0 && double.IsFinite(weight))) faults.Add($"{nameof(ClassWeights)} ({string.Join(", ", weights)}) must be positive.");
        if (!(LabelSmoothing >= 0 && LabelSmoothing < 1)) faults.Add($"{nameof(LabelSmoothing)} ({LabelSmoothing}) must be at least 0 and below 1.");
        if (!(FocalGamma == 0 || FocalGamma >= 1 && double.IsFinite(FocalGamma))) faults.Add($"{nameof(FocalGamma)} ({FocalGamma}) must be 0 or at least 1.");
        if (!Enum.IsDefined(Sampling)) faults.Add($"{nameof(Sampling)} ({Sampling}) must be AsIs, Oversample or Undersample.");
        if (!(AugmentedShare > 0 && AugmentedShare <= 1)) faults.Add($"{nameof(AugmentedShare)} ({AugmentedShare}) must be above 0 and at most 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

using PreTrain.Data.Images;

namespace PreTrain.Objectives;

/// <summary>How momentum contrast makes two views of an image and compares them.</summary>
public sealed record MomentumContrastOptions
{
    /// <summary>How images are prepared and changed; the first view is as these options say.</summary>
    /// <value>The default is the recipe that Chen, Xie and He 2021 (section 4, "Data augmentation") take from Grill et al. 2020 ("BYOL", appendix B), with parts from 8 % of the area.</value>
    public ImageOptions Images { get; init; } = new()
    {
        MinCropArea = 0.08,
        JitterProbability = 0.8,
        Brightness = 0.4,
        Contrast = 0.4,
        Saturation = 0.2,
        Hue = 0.1,
        GreyProbability = 0.2,
        BlurProbability = 1,
    };

    /// <summary><see cref="ImageOptions.BlurProbability"/> of the second view.</summary>
    /// <value>The default is 0.1.</value>
    public double OtherBlurProbability { get; init; } = 0.1;

    /// <summary><see cref="ImageOptions.SolarizeProbability"/> of the second view.</summary>
    /// <value>The default is 0.2.</value>
    public double OtherSolarizeProbability { get; init; } = 0.2;

    /// <summary>What the cosine between a query and a key is divided by, τ.</summary>
    /// <value>The default is 0.2 (Chen, Xie and He 2021, section 4).</value>
    public double Temperature { get; init; } = 0.2;

    /// <summary>How the second view is made.</summary>
    internal ImageOptions OtherView => Images with { BlurProbability = OtherBlurProbability, SolarizeProbability = OtherSolarizeProbability };

    /// <summary>Checks all values but those of <see cref="Images"/>.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        foreach (var (name, value) in new[] { (nameof(OtherBlurProbability), OtherBlurProbability), (nameof(OtherSolarizeProbability), OtherSolarizeProbability) })
            if (value is not (>= 0 and <= 1)) faults.Add(FormattableString.Invariant($"{name} ({value}) must be from 0 to 1."));
        if (!(Temperature > 0 && double.IsFinite(Temperature))) faults.Add(FormattableString.Invariant($"{nameof(Temperature)} ({Temperature}) must be positive."));
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));
    }
}

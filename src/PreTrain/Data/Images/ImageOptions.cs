namespace PreTrain.Data.Images;

/// <summary>How images are brought to a model's size and scale, and changed in training.</summary>
public sealed record ImageOptions
{
    /// <summary>What is subtracted from each channel, whose values are from 0 to 1; a single value stands for all channels.</summary>
    /// <value>The default is the mean of ImageNet: 0.485, 0.456, 0.406.</value>
    public IReadOnlyList<double> Mean { get; init; } = [0.485, 0.456, 0.406];

    /// <summary>What each channel is divided by after that; a single value stands for all channels.</summary>
    /// <value>The default is the deviation of ImageNet: 0.229, 0.224, 0.225.</value>
    public IReadOnlyList<double> Deviation { get; init; } = [0.229, 0.224, 0.225];

    /// <summary>The least share of an image's area that is cut out in training; the share is drawn evenly between it and 1. 1 leaves the square in the middle.</summary>
    /// <value>The default is 0.2 (He et al. 2022, appendix A.1).</value>
    public double MinCropArea { get; init; } = 0.2;

    /// <summary>The probability with which left and right are exchanged in training.</summary>
    /// <value>The default is 0.5.</value>
    public double FlipProbability { get; init; } = 0.5;

    /// <summary>How much brighter or darker an image may become in training: a factor between 1 − this and 1 + this.</summary>
    /// <value>The default is 0.</value>
    public double Brightness { get; init; }

    /// <summary>How much the contrast may change in training: a factor between 1 − this and 1 + this, of the distance from the mean grey.</summary>
    /// <value>The default is 0.</value>
    public double Contrast { get; init; }

    /// <summary>How much paler or stronger colours may become in training: a factor between 1 − this and 1 + this, of the distance from each pixel's grey.</summary>
    /// <value>The default is 0.</value>
    public double Saturation { get; init; }

    /// <summary>How far colours may turn around their circle in training, to either side: 0.5 is the opposite colour.</summary>
    /// <value>The default is 0.</value>
    public double Hue { get; init; }

    /// <summary>The probability with which brightness, contrast, saturation and hue change, in a random order.</summary>
    /// <value>The default is 1.</value>
    public double JitterProbability { get; init; } = 1;

    /// <summary>The probability with which an image loses its colours in training.</summary>
    /// <value>The default is 0.</value>
    public double GreyProbability { get; init; }

    /// <summary>The probability with which an image is blurred in training, by a Gaussian whose deviation is between 0.1 and 2 pixels.</summary>
    /// <value>The default is 0.</value>
    public double BlurProbability { get; init; }

    /// <summary>The probability with which the values above one half are exchanged in training by what they lack to 1.</summary>
    /// <value>The default is 0.</value>
    public double SolarizeProbability { get; init; }

    /// <summary>The share of the images that is held out, from 0 (none) to below 1: a fixed choice among all.</summary>
    /// <value>The default is 0.05.</value>
    public double ValidationFraction { get; init; } = 0.05;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        Channels(nameof(Mean), Mean, double.IsFinite, "finite");
        Channels(nameof(Deviation), Deviation, value => double.IsFinite(value) && value > 0, "positive");
        Between(nameof(MinCropArea), MinCropArea, MinCropArea is > 0 and <= 1, "above 0 and at most 1");
        Between(nameof(FlipProbability), FlipProbability, FlipProbability is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(Brightness), Brightness, Brightness is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(Contrast), Contrast, Contrast is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(Saturation), Saturation, Saturation is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(Hue), Hue, Hue is >= 0 and <= 0.5, "from 0 to 0.5");
        Between(nameof(JitterProbability), JitterProbability, JitterProbability is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(GreyProbability), GreyProbability, GreyProbability is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(BlurProbability), BlurProbability, BlurProbability is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(SolarizeProbability), SolarizeProbability, SolarizeProbability is >= 0 and <= 1, "from 0 to 1");
        Between(nameof(ValidationFraction), ValidationFraction, ValidationFraction is >= 0 and < 1, "at least 0 and below 1");
        if (faults.Count > 0) throw new ArgumentException(string.Join(Environment.NewLine, faults));

        void Between(string name, double value, bool right, string rule)
        {
            if (!right) faults.Add(FormattableString.Invariant($"{name} ({value}) must be {rule}."));
        }

        void Channels(string name, IReadOnlyList<double> values, Func<double, bool> rule, string word)
        {
            if (values.Count == 0 || !values.All(rule)) faults.Add(FormattableString.Invariant($"{name} ({string.Join(", ", values)}) must be one number or a number for each channel, all {word}."));
        }
    }
}

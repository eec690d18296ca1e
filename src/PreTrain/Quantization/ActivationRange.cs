namespace PreTrain.Quantization;

/// <summary>How far the grid of an activation reaches.</summary>
public enum ActivationRange
{
    /// <summary>From the least to the largest value that was seen.</summary>
    MinMax,

    /// <summary>So far that few values lie beyond: <see cref="ActivationOptions.Percentile"/>.</summary>
    Percentile,

    /// <summary>So far that the mean square of the rounding errors is least, of what is clipped included.</summary>
    MeanSquare,
}

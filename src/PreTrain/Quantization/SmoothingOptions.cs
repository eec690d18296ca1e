namespace PreTrain.Quantization;

/// <summary>How much <see cref="Quantizer.Smooth"/> moves from activations to weights.</summary>
public sealed record SmoothingOptions
{
    /// <summary>α of the paper: at 0 all of the weights' unevenness goes to the activations, at 1 all of the activations' to the weights.</summary>
    /// <value>The default is 0.5.</value>
    public double Strength { get; init; } = 0.5;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">A property is out of range.</exception>
    public void Validate()
    {
        if (!(Strength is >= 0 and <= 1)) throw new ArgumentException(FormattableString.Invariant($"{nameof(Strength)} ({Strength}) must be from 0 to 1."));
    }
}

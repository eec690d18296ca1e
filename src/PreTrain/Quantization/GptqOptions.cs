namespace PreTrain.Quantization;

/// <summary>How <see cref="Quantizer.QuantizeGptq"/> makes good for the error of a code in the codes that follow.</summary>
public sealed record GptqOptions
{
    /// <summary>What is added to the diagonal of the inputs' second moments, as a part of its mean; more where data are few.</summary>
    /// <value>The default is 0.01.</value>
    public double Damping { get; init; } = 0.01;

    /// <summary>Whether inputs are gone through from the largest to the smallest, so that those that matter most are rounded while most others can still make it good. Scales are those of the weights as they were then.</summary>
    /// <value>The default is false: in the order in which they lie.</value>
    public bool OrdersBySize { get; init; }

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">A property is out of range.</exception>
    public void Validate()
    {
        if (!(Damping > 0 && double.IsFinite(Damping))) throw new ArgumentException($"{nameof(Damping)} ({Damping}) must be a positive number.");
    }
}

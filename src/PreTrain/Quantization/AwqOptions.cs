namespace PreTrain.Quantization;

/// <summary>How <see cref="Quantizer.QuantizeAwq"/> searches.</summary>
public sealed record AwqOptions
{
    /// <summary>Exponents from 0 on, below 1, that the mean sizes of the inputs are raised to; that with the least error of the outputs is taken (equation 5 of the paper).</summary>
    /// <value>The default is 20.</value>
    public int ScaleSteps { get; init; } = 20;

    /// <summary>Parts of a group's largest weight, from the whole down towards a half, at which the group is clipped; that with the least error of the outputs is taken. 1 clips nothing.</summary>
    /// <value>The default is 10.</value>
    public int ClipSteps { get; init; } = 10;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (ScaleSteps < 1) faults.Add($"{nameof(ScaleSteps)} ({ScaleSteps}) must be at least 1.");
        if (ClipSteps < 1) faults.Add($"{nameof(ClipSteps)} ({ClipSteps}) must be at least 1.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

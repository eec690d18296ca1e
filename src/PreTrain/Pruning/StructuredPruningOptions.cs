using System.Globalization;

namespace PreTrain.Pruning;

/// <summary>Which heads, neurons and layers are taken out of a model.</summary>
public sealed record StructuredPruningOptions
{
    /// <summary>How it is told which.</summary>
    /// <value>The default is <see cref="UnitImportance.Magnitude"/>.</value>
    public UnitImportance Importance { get; init; } = UnitImportance.Magnitude;

    /// <summary>
    /// The part of the attention heads that is taken out of every layer, at least 0 and below 1, rounded to whole heads. Where several query heads share keys and values, they go
    /// together. All layers keep as many, since <c>config.json</c> has one number for all.
    /// </summary>
    /// <value>The default is 0.</value>
    public double HeadSparsity { get; init; }

    /// <summary>The part of the feed-forward neurons that is taken out of every layer, at least 0 and below 1, rounded to whole neurons.</summary>
    /// <value>The default is 0.</value>
    public double NeuronSparsity { get; init; }

    /// <summary>The number of layers that are taken out; of a model with a decoder, those of the encoder.</summary>
    /// <value>The default is 0.</value>
    public int RemovedLayers { get; init; }

    /// <summary>The number of the decoder's layers that are taken out of a model that reads one sequence and writes another.</summary>
    /// <value>The default is 0.</value>
    public int RemovedDecoderLayers { get; init; }

    /// <summary>Whether it looks at what the model computes.</summary>
    internal bool NeedsCalibration => Importance != UnitImportance.Magnitude;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (!Enum.IsDefined(Importance)) faults.Add($"{nameof(Importance)} ({Importance}) must be one of {string.Join(", ", Enum.GetNames<UnitImportance>())}.");
        foreach (var (name, part) in new[] { (nameof(HeadSparsity), HeadSparsity), (nameof(NeuronSparsity), NeuronSparsity) })
        {
            if (!(part >= 0 && part < 1)) faults.Add(string.Create(CultureInfo.InvariantCulture, $"{name} ({part}) must be at least 0 and below 1, at which nothing would be left."));
        }
        foreach (var (name, count) in new[] { (nameof(RemovedLayers), RemovedLayers), (nameof(RemovedDecoderLayers), RemovedDecoderLayers) })
        {
            if (count < 0) faults.Add($"{name} ({count}) must not be negative.");
        }
        if (HeadSparsity == 0 && NeuronSparsity == 0 && RemovedLayers == 0 && RemovedDecoderLayers == 0)
            faults.Add($"One of {nameof(HeadSparsity)}, {nameof(NeuronSparsity)}, {nameof(RemovedLayers)} and {nameof(RemovedDecoderLayers)} must not be 0.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

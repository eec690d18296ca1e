namespace PreTrain.Export;

/// <summary>How <see cref="OnnxExporter"/> writes.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>The oldest and the newest version of ONNX's set of operators that can be asked for.</summary>
    public const int OldestOpset = 17, NewestOpset = 21;

    /// <summary>The version of the set of operators.</summary>
    /// <value>The default is 17, which every ONNX Runtime since 1.12 has.</value>
    public int Opset { get; init; } = OldestOpset;

    /// <summary>What linear maps compute with.</summary>
    /// <value>The default is <see cref="OnnxQuantization.None"/>.</value>
    public OnnxQuantization Quantization { get; init; }

    /// <summary>
    /// Of a causal model: whether the keys and values of earlier tokens go in, <c>past_key_values.*</c>, and come out with the new ones, <c>present.*</c>, so that each step computes its own token only.
    /// </summary>
    /// <value>The default is false.</value>
    public bool HasPast { get; init; }

    /// <summary>The most bytes of weights that the file itself holds; those of larger models go to a second file, whose name ends with <c>.data</c>.</summary>
    /// <value>The default is 1,900,000,000: a file ends at 2 GB.</value>
    public long MaxInlineBytes { get; init; } = 1_900_000_000;

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">One is out of range; the message names all that are.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Opset is < OldestOpset or > NewestOpset) faults.Add($"{nameof(Opset)} ({Opset}) must be from {OldestOpset} to {NewestOpset}.");
        if (!Enum.IsDefined(Quantization)) faults.Add($"{nameof(Quantization)} ({Quantization}) must be {string.Join(", ", Enum.GetNames<OnnxQuantization>())}.");
        if (MaxInlineBytes is < 0 or > 2_000_000_000) faults.Add($"{nameof(MaxInlineBytes)} ({MaxInlineBytes}) must be from 0 to 2000000000.");
        if (faults.Count > 0) throw new ArgumentException(string.Join(" ", faults));
    }
}

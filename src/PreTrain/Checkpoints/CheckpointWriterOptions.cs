namespace PreTrain.Checkpoints;

/// <summary>How <see cref="CheckpointWriter"/> writes.</summary>
public sealed record CheckpointWriterOptions
{
    /// <summary>How the tensors are stored.</summary>
    /// <value>The default is <see cref="CheckpointFormat.Safetensors"/>.</value>
    public CheckpointFormat Format { get; init; } = CheckpointFormat.Safetensors;

    /// <summary>The bytes of tensors that one file holds at most, unless a single tensor has more. Larger checkpoints are spread over several files with an index.</summary>
    /// <value>The default is 5,000,000,000.</value>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Free-text entries for the header of each file, besides <c>format</c> = <c>pt</c>. Only safetensors has them.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = new Dictionary<string, string>();

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">A value is not allowed; the message names all that are not.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Format is not (CheckpointFormat.Safetensors or CheckpointFormat.PyTorch))
            faults.Add($"Format ({Format}) must be {nameof(CheckpointFormat.Safetensors)} or {nameof(CheckpointFormat.PyTorch)}.");
        if (MaxShardBytes < 1)
            faults.Add($"MaxShardBytes ({MaxShardBytes}) must be at least 1.");
        if (Metadata is null)
            faults.Add("Metadata must not be null.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(" ", faults));
    }
}

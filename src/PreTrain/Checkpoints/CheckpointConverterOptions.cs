using static TorchSharp.torch;

namespace PreTrain.Checkpoints;

/// <summary>What <see cref="CheckpointConverter"/> makes of a checkpoint.</summary>
public sealed record CheckpointConverterOptions
{
    /// <summary>How the tensors are stored in a folder. The name of a file says so itself.</summary>
    /// <value>The default is <see cref="CheckpointFormat.Safetensors"/>.</value>
    public CheckpointFormat Format { get; init; } = CheckpointFormat.Safetensors;

    /// <summary>The type that all floating-point tensors get: Float32, BFloat16 or Float16. Others keep theirs, and so do the scales and tables of quantized weights.</summary>
    /// <value>The default is <see langword="null"/>: every tensor keeps its type.</value>
    public ScalarType? DataType { get; init; }

    /// <summary>The bytes of tensors that one file of a folder holds at most, unless a single tensor has more.</summary>
    /// <value>The default is 5,000,000,000.</value>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Checks all values.</summary>
    /// <exception cref="ArgumentException">A value is not allowed; the message names all that are not.</exception>
    public void Validate()
    {
        var faults = new List<string>();
        if (Format is not (CheckpointFormat.Safetensors or CheckpointFormat.PyTorch))
            faults.Add($"Format ({Format}) must be {nameof(CheckpointFormat.Safetensors)} or {nameof(CheckpointFormat.PyTorch)}.");
        if (DataType is not (null or ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16))
            faults.Add($"DataType ({DataType}) must be Float32, BFloat16, Float16 or null.");
        if (MaxShardBytes < 1)
            faults.Add($"MaxShardBytes ({MaxShardBytes}) must be at least 1.");
        if (faults.Count > 0)
            throw new ArgumentException(string.Join(" ", faults));
    }
}

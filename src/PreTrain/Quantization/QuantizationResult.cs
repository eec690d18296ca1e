namespace PreTrain.Quantization;

/// <summary>What quantizing a model did.</summary>
public sealed record QuantizationResult
{
    /// <summary>The names of the quantized linear maps.</summary>
    public required IReadOnlyList<string> Maps { get; init; }

    /// <summary>The bytes of their weights before.</summary>
    public required long BytesBefore { get; init; }

    /// <summary>The bytes of their weights now, with scales and zero points.</summary>
    public required long BytesAfter { get; init; }

    /// <summary>What large inputs were moved into first, by name: the norms and maps that <see cref="Quantizer.Smooth"/> has changed.</summary>
    public IReadOnlyList<string> Smoothed { get; init; } = [];

    /// <summary>The bytes that the copy of the token embedding for the head takes; 0 where there is none.</summary>
    public long TiedHeadBytes { get; init; }
}

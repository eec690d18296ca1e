namespace PreTrain.Modules.Quantized;

/// <summary>Which weights share a scale.</summary>
public enum QuantizationGranularity
{
    /// <summary>All of a matrix.</summary>
    Tensor,

    /// <summary>Those of an output.</summary>
    Channel,

    /// <summary>Some neighbours among those of an output.</summary>
    Group,
}

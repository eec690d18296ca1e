using PreTrain.Modules.Quantized;

namespace PreTrain.Quantization;

/// <summary>For each linear map of a model, what its weight will be in.</summary>
public sealed record MixedPrecisionPlan
{
    /// <summary>A choice for each map.</summary>
    public required IReadOnlyList<MapSensitivity> Choices { get; init; }

    /// <summary>The bytes of all.</summary>
    public long Bytes => Choices.Sum(choice => choice.Bytes);

    /// <summary>The sum of the increases: what the score is expected to rise by, as far as the maps do not matter to each other.</summary>
    public double Increase => Choices.Sum(choice => choice.Increase);

    /// <summary>What a map's weight will be in; null for as it is.</summary>
    /// <param name="map">Its name.</param>
    /// <exception cref="ArgumentException">The plan has no such map.</exception>
    public QuantizationScheme? SchemeOf(string map) => (Choices.FirstOrDefault(choice => choice.Map == map) ?? throw new ArgumentException($"The plan has no linear map '{map}'; scan the model that is to be quantized, with the same options.", nameof(map))).Scheme;
}

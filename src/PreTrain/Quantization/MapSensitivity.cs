using PreTrain.Modules.Quantized;

namespace PreTrain.Quantization;

/// <summary>What a linear map takes and costs in one kind of codes.</summary>
/// <param name="Map">Its name.</param>
/// <param name="Scheme">What its weight is in; null for as it is.</param>
/// <param name="Bytes">The memory that it takes then.</param>
/// <param name="Increase">How much the model's score is above that of the model as it is, if this map alone is changed; 0 for as it is.</param>
public sealed record MapSensitivity(string Map, QuantizationScheme? Scheme, long Bytes, double Increase);

namespace PreTrain.Modules.Quantized;

/// <summary>What of a linear map is in few bits.</summary>
public enum QuantizationScheme
{
    /// <summary>Weights in 8 bits, and each row of activations in 8 as it comes: the products are of whole numbers. The fastest for many rows, and for one.</summary>
    Int8Dynamic,

    /// <summary>Weights in 8 bits, activations in 32.</summary>
    Int8Weights,

    /// <summary>Weights in 4 bits by groups, activations in 32. The smallest.</summary>
    Int4Weights,
}

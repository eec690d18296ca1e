namespace PreTrain.Modules.Quantized;

/// <summary>What of a linear map is in few bits. On devices other than the CPU weights alone are, whatever the scheme: their values are made before each product, and activations are not rounded.</summary>
public enum QuantizationScheme
{
    /// <summary>Weights in 8 bits, and each row of activations in 8 as it comes: the products are of whole numbers. The fastest for many rows, and for one.</summary>
    Int8Dynamic,

    /// <summary>Weights in 8 bits, activations in 32.</summary>
    Int8Weights,

    /// <summary>Weights in 4 bits by groups, activations in 32. The smallest.</summary>
    Int4Weights,

    /// <summary>Weights in 8 bits, and activations in 8 on a grid that data have decided on: whole-number products without a look at each row first.</summary>
    Int8Static,

    /// <summary>Weights in 4 bits whose values are those of a normal distribution (NF4), activations in 32: the frozen base of an adapter.</summary>
    NormalFloat4,
}

namespace PreTrain.Export;

/// <summary>What the linear maps of an ONNX file compute with.</summary>
public enum OnnxQuantization
{
    /// <summary>Weights of 32 bits.</summary>
    None,

    /// <summary>Weights of 8 bits with a scale for each output, products in 32 bits: a smaller file.</summary>
    Int8Weights,

    /// <summary>Weights of 8 bits, and activations rounded to 8 bits with a scale that is found as they come: a smaller file and whole-number products.</summary>
    Int8Dynamic,
}

namespace PreTrain.Export;

/// <summary>How the matrices of a GGUF file are stored; vectors and position embeddings always have 32 bits.</summary>
public enum GgufPrecision
{
    /// <summary>Numbers of 32 bits.</summary>
    Float32,

    /// <summary>Numbers of 16 bits.</summary>
    Float16,

    /// <summary>8 bits and a scale for 32 weights: 8.5 bits a weight.</summary>
    Q80,

    /// <summary>4 bits and a scale for 32 weights: 4.5 bits a weight; the head has more.</summary>
    Q40,

    /// <summary>llama.cpp's mixture Q4_K_M: most matrices in 4.5 bits a weight with scales and offsets in few bits themselves, those that suffer most in 6.6.</summary>
    Q4KM,
}

using static TorchSharp.torch;

namespace PreTrain.Torch;

/// <summary>The number format of a model's compute copy. Master weights, optimizer state, statistics of norms, softmax and loss are always 32 bits.</summary>
public enum Precision
{
    /// <summary>32-bit floats throughout.</summary>
    Float32,

    /// <summary>Weights are cast to bfloat16 once per step; activations between matrix products stay in bfloat16.</summary>
    BFloat16,

    /// <summary>
    /// The same with float16, which has three bits more of precision and a far smaller range: losses are scaled so that gradients stay in it (Micikevicius et al. 2018). For devices that
    /// multiply it; see <see cref="HalfPrecision"/>.
    /// </summary>
    Float16,
}

/// <summary>What a <see cref="Precision"/> means to torch.</summary>
public static class PrecisionExtensions
{
    /// <summary>The element type of the compute copy.</summary>
    public static ScalarType ToScalarType(this Precision precision) => precision switch
    {
        Precision.Float32 => ScalarType.Float32,
        Precision.BFloat16 => ScalarType.BFloat16,
        Precision.Float16 => ScalarType.Float16,
        _ => throw new ArgumentOutOfRangeException(nameof(precision), precision, "The precision must be Float32, BFloat16 or Float16."),
    };
}

using PreTrain.Modules.Quantized;

namespace PreTrain.Quantization;

/// <summary>How a model's linear maps are quantized, and which.</summary>
public sealed record QuantizationOptions
{
    /// <summary>What is in few bits.</summary>
    /// <value>The default is <see cref="QuantizationScheme.Int8Dynamic"/>.</value>
    public QuantizationScheme Scheme { get; init; } = QuantizationScheme.Int8Dynamic;

    /// <summary>With 4 bits, the number of inputs that share a scale: 32, 64 or 128. It must divide the inputs of each map.</summary>
    /// <value>The default is 64.</value>
    public int GroupSize { get; init; } = 64;

    /// <summary>Whether groups of 4 bits have no zero point.</summary>
    /// <value>The default is false.</value>
    public bool IsSymmetric { get; init; }

    /// <summary>Whether scales are rounded to what a float16 holds.</summary>
    /// <value>The default is false.</value>
    public bool HasHalfScales { get; init; }

    /// <summary>Whether a head that is the token embedding (GPT-2, T5, BART, Marian, some Llamas) is quantized too: a copy, since the embedding itself looks up tokens as before. Tokens are written faster, and the model takes the memory of the copy more.</summary>
    /// <value>The default is false.</value>
    public bool HasQuantizedTiedHead { get; init; }

    /// <summary>Patterns of the linear maps that stay as they are, such as <c>*classifier*</c>; <c>*</c> stands for any characters.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> Skip { get; init; } = [];

    /// <summary>The format of a weight.</summary>
    internal QuantizedFormat Format => Scheme == QuantizationScheme.Int4Weights
        ? QuantizedFormat.Int4(GroupSize, IsSymmetric) with { HasHalfScales = HasHalfScales }
        : QuantizedFormat.Int8 with { HasHalfScales = HasHalfScales };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(Scheme)) throw new ArgumentException($"{nameof(Scheme)} ({Scheme}) must be one of {string.Join(", ", Enum.GetNames<QuantizationScheme>())}.");
        Format.Validate();
    }
}

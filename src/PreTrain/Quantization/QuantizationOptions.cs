using PreTrain.Modules.Quantized;

namespace PreTrain.Quantization;

/// <summary>How a model's linear maps are quantized, and which.</summary>
public sealed record QuantizationOptions
{
    /// <summary>What is in few bits.</summary>
    /// <value>The default is <see cref="QuantizationScheme.Int8Dynamic"/>.</value>
    public QuantizationScheme Scheme { get; init; } = QuantizationScheme.Int8Dynamic;

    /// <summary>Which weights share a scale: with 8 bits any, with 4 those of a group.</summary>
    /// <value>The default is null: those of an output with 8 bits, those of a group with 4.</value>
    public QuantizationGranularity? Granularity { get; init; }

    /// <summary>The number of inputs that share a scale in a group: 32, 64 or 128. It must divide the inputs of each map. NF4 has groups of 64.</summary>
    /// <value>The default is 64.</value>
    public int GroupSize { get; init; } = 64;

    /// <summary>Whether the scales of NF4 are in 8 bits in files, and rounded to them everywhere (double quantization).</summary>
    /// <value>The default is true.</value>
    public bool HasDoubleScales { get; init; } = true;

    /// <summary>Whether groups of 4 bits have no zero point.</summary>
    /// <value>The default is false.</value>
    public bool IsSymmetric { get; init; }

    /// <summary>Whether scales are rounded to what a float16 holds, which those of 4 bits take in memory too.</summary>
    /// <value>The default is false.</value>
    public bool HasHalfScales { get; init; }

    /// <summary>Whether a head that is the token embedding (GPT-2, T5, BART, Marian, some Llamas) is quantized too: a copy, since the embedding itself looks up tokens as before. Tokens are written faster, and the model takes the memory of the copy more.</summary>
    /// <value>The default is false.</value>
    public bool HasQuantizedTiedHead { get; init; }

    /// <summary>Patterns of the linear maps that stay as they are, such as <c>*classifier*</c>; <c>*</c> stands for any characters.</summary>
    /// <value>The default is none.</value>
    public IReadOnlyList<string> Skip { get; init; } = [];

    /// <summary>The format of a weight.</summary>
    internal QuantizedFormat Format => Scheme switch
    {
        QuantizationScheme.Int4Weights => QuantizedFormat.Int4(GroupSize, IsSymmetric) with { HasHalfScales = HasHalfScales },
        QuantizationScheme.NormalFloat4 => QuantizedFormat.NormalFloat4 with { GroupSize = GroupSize, HasDoubleScales = HasDoubleScales, HasHalfScales = HasHalfScales },
        _ => new QuantizedFormat { IsPerTensor = Granularity == QuantizationGranularity.Tensor, GroupSize = Granularity == QuantizationGranularity.Group ? GroupSize : 0, HasHalfScales = HasHalfScales },
    };

    /// <summary>Checks all properties.</summary>
    /// <exception cref="ArgumentException">Names every property that is out of range, its value and the rule.</exception>
    public void Validate()
    {
        if (!Enum.IsDefined(Scheme)) throw new ArgumentException($"{nameof(Scheme)} ({Scheme}) must be one of {string.Join(", ", Enum.GetNames<QuantizationScheme>())}.");
        if (Granularity is { } shared && !Enum.IsDefined(shared)) throw new ArgumentException($"{nameof(Granularity)} ({shared}) must be one of {string.Join(", ", Enum.GetNames<QuantizationGranularity>())}.");
        if (Format.Bits == 4 && Granularity is not (null or QuantizationGranularity.Group))
            throw new ArgumentException($"{nameof(Granularity)} ({Granularity}) must be {nameof(QuantizationGranularity.Group)} with {Scheme}, whose codes have 4 bits.");
        Format.Validate();
    }
}
